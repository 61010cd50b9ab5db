/** A contender's turn at something. */
export interface Turn {
  readonly name: string
  readonly run: () => number
}

const WARM_MS = 40
const SAMPLE_MS = 8
const ROUNDS = 9

/**
 * Times short operations against each other. All take turns, and the best round of each counts: whatever else the machine
 * does makes a round slower, never faster.
 *
 * @returns Milliseconds of one run, by name.
 * @throws {Error} If two of them give different answers.
 */
export function timeTurns(turns: readonly Turn[]): Map<string, number> {
  const states = turns.map((turn) => {
    const answer = turn.run()
    const expected = turns[0]!
    if (answer !== expected.run()) throw new Error(`${turn.name} and ${expected.name} give different answers`)
    let runs = 0
    const start = performance.now()
    let elapsed = 0
    while (elapsed < WARM_MS) {
      turn.run()
      runs++
      elapsed = performance.now() - start
    }
    return { turn, repeats: Math.max(1, Math.round((runs * SAMPLE_MS) / elapsed)), best: Infinity }
  })
  for (let round = 0; round < ROUNDS; round++) {
    for (const state of states) {
      const start = performance.now()
      for (let i = 0; i < state.repeats; i++) state.turn.run()
      state.best = Math.min(state.best, (performance.now() - start) / state.repeats)
    }
  }
  return new Map(states.map(({ turn, best }) => [turn.name, best]))
}
