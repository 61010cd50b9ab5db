import type { LocalCommit } from '../state/local-commit.ts'

/** Where a page stands after local commits: written by the one with that sequence, cut off, or untouched by all of them. */
export type LocalPage = number | 'cut-off' | 'untouched'

/** A commit that cut something off, and the way to those before it that cut off more. */
interface Cut {
  readonly position: number
  readonly floor: number
  /** The newest one before it with a lower floor. */
  readonly lower: Cut | undefined
  /** One further down that way: following these, any of n is found in O(log n) steps. */
  readonly jump: Cut | undefined
  readonly depth: number
}

/**
 * Where each page stands after local commits, in a list that grows at its end. Every beginning of the list is a state that
 * open views may show, and all of them are served by one index.
 */
class CommitIndex {
  readonly commits: LocalCommit[] = []
  // Positions of the commits that wrote a page, ascending; mostly there is one.
  readonly #writers = new Map<number, number | number[]>()
  // For each position the newest commit up to there that cut something off.
  readonly #cuts: (Cut | undefined)[] = []

  add(commit: LocalCommit): void {
    const position = this.commits.length
    for (const pageIndex of commit.own) {
      const writers = this.#writers.get(pageIndex)
      if (writers === undefined) this.#writers.set(pageIndex, position)
      else if (typeof writers === 'number') this.#writers.set(pageIndex, [writers, position])
      else writers.push(position)
    }
    const before = this.#cuts[position - 1]
    this.#cuts.push(commit.floor === undefined ? before : cutAfter(before, position, commit.floor))
    this.commits.push(commit)
  }

  find(pageIndex: number, count: number): LocalPage {
    if (count === 0) return 'untouched'
    const writer = this.#newestWriter(pageIndex, count)
    const cut = newestBelow(this.#cuts[count - 1], pageIndex)
    // A commit's own floor does not apply to its own set: it wrote those pages after it had cut them off.
    if (cut !== undefined && (writer === undefined || cut.position > writer)) return 'cut-off'
    return writer === undefined ? 'untouched' : (this.commits[writer] as LocalCommit).sequence
  }

  #newestWriter(pageIndex: number, count: number): number | undefined {
    const writers = this.#writers.get(pageIndex)
    if (writers === undefined) return undefined
    if (typeof writers === 'number') return writers < count ? writers : undefined
    let low = 0
    let high = writers.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((writers[middle] as number) < count) low = middle + 1
      else high = middle
    }
    return writers[low - 1]
  }
}

function cutAfter(before: Cut | undefined, position: number, floor: number): Cut {
  let lower = before
  while (lower !== undefined && lower.floor >= floor) lower = lower.lower
  const next = lower?.jump
  // Skew-binary numbers (Myers, "An applicative random-access stack"): jumps of equal length are put together.
  const isPair = lower !== undefined && next !== undefined && lower.depth - next.depth === next.depth - (next.jump?.depth ?? -1)
  return { position, floor, lower, jump: isPair ? next.jump : lower, depth: (lower?.depth ?? -1) + 1 }
}

/** The newest commit that cut a page off. */
function newestBelow(from: Cut | undefined, pageIndex: number): Cut | undefined {
  let cut = from
  while (cut !== undefined && cut.floor >= pageIndex) {
    cut = cut.jump !== undefined && cut.jump.floor >= pageIndex ? cut.jump : cut.lower
  }
  return cut
}

/** Where pages stand after the local commits of one view. Looking one up costs O(log n) at most, mostly one look-up in a map. */
export class PendingPages {
  readonly #index: CommitIndex
  readonly #count: number

  private constructor(index: CommitIndex, count: number) {
    this.#index = index
    this.#count = count
  }

  /**
   * @param before The last one that was made for the volume: what both have in common is not gone over again.
   * @param commits Oldest first; not to be changed.
   */
  static after(before: PendingPages | undefined, commits: readonly LocalCommit[]): PendingPages {
    const known = before === undefined ? [] : before.#index.commits
    let common = 0
    while (common < known.length && common < commits.length && known[common] === commits[common]) common++
    // Others may look further into the old index, so it may only grow.
    const isPrefix = commits.length > 0 && (common === commits.length || common === known.length)
    const index = before !== undefined && isPrefix ? before.#index : new CommitIndex()
    for (let i = index.commits.length; i < commits.length; i++) index.add(commits[i] as LocalCommit)
    return new PendingPages(index, commits.length)
  }

  find(pageIndex: number): LocalPage {
    return this.#index.find(pageIndex, this.#count)
  }
}
