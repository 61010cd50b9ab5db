import fc from 'fast-check'

/** Seed and runs of a property; both can be set from outside. */
export function parameters(runs = 200): { seed: number; numRuns: number } {
  return { seed: Number(process.env['FAST_CHECK_SEED'] ?? 7), numRuns: Number(process.env['FAST_CHECK_RUNS'] ?? runs) }
}

/** One transaction of a history: what it cut off, then what it wrote, then its length. */
export interface Step {
  readonly floor: number | undefined
  readonly pageCount: number
  readonly pages: readonly number[]
}

/** The whole volume at each LSN, as which commit wrote each existing page; index n is the state at LSN n. */
export function statesOf(steps: readonly Step[]): ReadonlyMap<number, number>[] {
  const states: ReadonlyMap<number, number>[] = [new Map()]
  for (const [i, step] of steps.entries()) {
    const kept = [...(states[i] as ReadonlyMap<number, number>)].filter(
      ([page]) => page <= (step.floor ?? Number.POSITIVE_INFINITY),
    )
    states.push(new Map([...kept, ...step.pages.map((page): [number, number] => [page, i + 1])]))
  }
  return states
}

/** What changed in (since, until], straight from the plain commits. */
export function naiveChanges(
  steps: readonly Step[],
  since: number,
  until: number,
): { pages: number[]; floor: number | undefined } {
  const pages = new Set<number>()
  let floor = Number.POSITIVE_INFINITY
  for (let lsn = until; lsn > since; lsn--) {
    const step = steps[lsn - 1] as Step
    for (const page of step.pages) if (page <= floor) pages.add(page)
    floor = Math.min(floor, step.floor ?? Number.POSITIVE_INFINITY)
  }
  return { pages: [...pages].sort((a, b) => a - b), floor: floor === Number.POSITIVE_INFINITY ? undefined : floor }
}

/** Histories of growing and shrinking volumes, also shrinking and growing again inside one transaction. */
export function histories(commitsMax: number): fc.Arbitrary<Step[]> {
  const move = fc.record({
    cut: fc.option(fc.nat(24), { freq: 3, nil: undefined }),
    grow: fc.nat(12),
    pages: fc.uniqueArray(fc.integer({ min: 1, max: 24 }), { maxLength: 5 }),
  })
  return fc.array(move, { minLength: 1, maxLength: commitsMax }).map((moves) => {
    const steps: Step[] = []
    let pageCount = 0
    for (const { cut, grow, pages } of moves) {
      const floor = cut !== undefined && cut < pageCount ? cut : undefined
      pageCount = Math.max((floor ?? pageCount) + (grow > 8 ? grow : 0), ...pages)
      steps.push({ floor, pageCount, pages: [...pages].sort((a, b) => a - b) })
    }
    return steps
  })
}
