/** A contender's turn at something. */
export interface Turn {
  readonly name: string
  readonly run: () => number
}

const WARM_MS = 40
const SAMPLE_MS = 8
const ROUNDS = 9
const ROUNDS_MIN = 2
// Who takes long gets fewer rounds: what interrupts a run is a small part of it.
const SAMPLES_MS_MAX = 1000

/**
 * Times short operations against each other. All take turns, and the best round of each counts: whatever else the machine
 * does makes a round slower, never faster.
 *
 * @returns Milliseconds of one run, by name.
 * @throws {Error} If two of them give different answers.
 */
export function timeTurns(turns: readonly Turn[]): Map<string, number> {
  const expected = turns[0]!.run()
  const states = turns.map((turn) => {
    if (turn.run() !== expected) throw new Error(`${turn.name} and ${turns[0]!.name} give different answers`)
    let runs = 0
    const start = performance.now()
    let elapsed = 0
    while (elapsed < WARM_MS) {
      turn.run()
      runs++
      elapsed = performance.now() - start
    }
    const repeats = Math.max(1, Math.round((runs * SAMPLE_MS) / elapsed))
    const sampleMs = (repeats * elapsed) / runs
    const rounds = Math.min(ROUNDS, Math.max(ROUNDS_MIN, Math.floor(SAMPLES_MS_MAX / sampleMs)))
    return { turn, repeats, rounds, best: Infinity }
  })
  for (let round = 0; round < ROUNDS; round++) {
    for (const state of states) {
      if (round >= state.rounds) continue
      const start = performance.now()
      for (let i = 0; i < state.repeats; i++) state.turn.run()
      state.best = Math.min(state.best, (performance.now() - start) / state.repeats)
    }
  }
  return new Map(states.map(({ turn, best }) => [turn.name, best]))
}
