import { type Changes, type CommitRecord, type Lsn, layerCountMax, lowerFloor, type RollupLayer } from '@graft-ts/volume'
import { type NewCommit, type RangeSection, sectionLsn } from '../rollup.ts'
import { Floors, type Truncation } from './floors.ts'
import { cutLayers } from './layers.ts'
import { PageList } from './page-list.ts'
import { Pairs } from './pairs.ts'

// The list counts time in 32 bits: LSNs from half of that before the first head to half of that after it.
const TIMES_BEFORE = 2 ** 31
const TIME_MAX = 2 ** 32 - 1
const TRUNCATION_BYTES = 64

/**
 * The pages of a volume in order of their last change, for the commits in (origin, head]: what any pull from there changed,
 * at the cost of its answer, and the layers of the next commit. It is made of the sections that a pull without it would
 * read, and as exact (I9): where a section does not tell at which commit of its range something was cut off, the order says
 * that it cannot tell. Memory grows with the pages that changed, not with commits.
 */
export class ChangeOrder {
  #origin: Lsn
  #head: CommitRecord | undefined
  readonly #timeZero: number
  readonly #pages = new PageList()
  readonly #floors = new Floors()
  readonly #bytesMax: number
  #isOverfull = false

  /**
   * An order that covers no commit yet.
   *
   * @param head The commit behind which it begins; `undefined`: the volume has none.
   * @param bytesMax Memory that it may take, about.
   */
  constructor(head: CommitRecord | undefined, bytesMax: number) {
    this.#bytesMax = bytesMax
    this.#head = head
    this.#origin = (head?.lsn ?? 0) as Lsn
    this.#timeZero = Math.max(0, this.#origin - TIMES_BEFORE)
  }

  /** The last commit that it covers, or behind which it begins; `undefined`: none was made when the order was. */
  get head(): CommitRecord | undefined {
    return this.#head
  }

  /** The position of {@link head}. */
  get lsn(): Lsn {
    return (this.#head?.lsn ?? 0) as Lsn
  }

  /** It covers later commits only. */
  get origin(): Lsn {
    return this.#origin
  }

  /** Memory that it holds, about. */
  get byteLength(): number {
    return this.#pages.byteLength + this.#floors.size * TRUNCATION_BYTES
  }

  /** Whether it ran out of memory. It is of no use then. */
  get isOverfull(): boolean {
    return this.#isOverfull
  }

  /** Whether it could cover (since, until]: an order of billions of commits has to be made anew now and then. */
  couldCover(since: Lsn, until: Lsn): boolean {
    return since >= this.#timeZero && until - this.#timeZero <= TIME_MAX
  }

  /**
   * Takes in the commits after its head.
   *
   * @param sections Those of (head, newHead], newest first.
   */
  advance(sections: readonly RangeSection[], newHead: CommitRecord): void {
    const { visible, truncations } = foldFloors(sections, undefined)
    const deepest = truncations[truncations.length - 1]
    if (deepest !== undefined) this.#pages.deleteAbove(deepest.floor)
    this.#floors.addNewer(truncations)
    for (let i = visible.length - 1; i >= 0 && this.#hasRoom(); i--) {
      const changes = this.#changesOf(visible[i]!)
      for (let c = 0; c < changes.length; c++) this.#pages.pushNewest(changes.value(c), changes.key(c))
    }
    this.#head = newHead
    this.#hasRoom()
  }

  /**
   * Takes in commits before its origin.
   *
   * @param sections Those of (newOrigin, origin], newest first.
   */
  extend(sections: readonly RangeSection[], newOrigin: Lsn): void {
    const { visible, truncations } = foldFloors(sections, this.#floors.lowest)
    this.#floors.addOlder(truncations)
    for (const part of visible) {
      if (!this.#hasRoom()) break
      const changes = this.#changesOf(part)
      for (let c = changes.length - 1; c >= 0; c--) {
        const page = changes.value(c)
        // What is there already was changed again later.
        if (!this.#pages.has(page)) this.#pages.pushOldest(page, changes.key(c))
      }
    }
    this.#origin = newOrigin
    this.#hasRoom()
  }

  /**
   * What changed in (since, head].
   *
   * @param since From the origin to the head.
   * @returns `undefined`: it cannot tell.
   */
  changesSince(since: Lsn): Changes | undefined {
    const floor = this.#floors.lowestAfter(since)
    if (floor === 'unclear') return undefined
    return { pages: this.#pages.pagesAfter(since - this.#timeZero), floor }
  }

  /**
   * The rollup layers of a commit on top of the head: those that `buildLayers` makes of records that lack none.
   *
   * @returns `undefined`: it cannot tell, or does not cover their ranges.
   */
  layersOf(commit: NewCommit, bytesMax: number): RollupLayer[] | undefined {
    const { lsn } = commit
    const oldest = oldestLayerStart(lsn)
    if (oldest < this.#origin) return undefined
    const floors: (number | undefined)[] = []
    for (let layer = 1; layer <= layerCountMax(lsn); layer++) {
      const floor = this.#floors.lowestAfter((lsn - 2 ** layer) as Lsn)
      if (floor === 'unclear') return undefined
      floors.push(lowerFloor(commit.floor, floor))
    }
    const pages = new Pairs()
    const isKept = (page: number): boolean => page <= (commit.floor ?? page) && !commit.own.has(page)
    this.#pages.forEachAfter(oldest - this.#timeZero, (page, time) => {
      if (isKept(page)) pages.push(page, lsn - this.#timeZero - time)
    })
    pages.sort()
    return cutLayers(pages, floors, bytesMax)
  }

  #hasRoom(): boolean {
    this.#isOverfull ||= this.byteLength > this.#bytesMax
    return !this.#isOverfull
  }

  /** The times and pages of a part, in order. */
  #changesOf({ section, pageMax }: VisiblePart): Pairs {
    const changes = new Pairs()
    let position = 0
    for (const page of section.pages) {
      if (page > pageMax) break
      changes.push(sectionLsn(section, position++) - this.#timeZero, page)
    }
    // The own set and the first layer stand for one commit each.
    if (section.layer > 1) changes.sort()
    return changes
  }
}

/** Where the range of a commit's highest layer begins; the commit before it, if it has none. */
export function oldestLayerStart(lsn: Lsn): Lsn {
  const layers = layerCountMax(lsn)
  return (layers === 0 ? lsn - 1 : lsn - 2 ** layers) as Lsn
}

/** A section, and the highest of its pages that nothing newer cut off. */
interface VisiblePart {
  readonly section: RangeSection
  readonly pageMax: number
}

/** What sections that are in order, newest first, show below a floor, and the truncations among them that cut deeper. */
function foldFloors(
  sections: readonly RangeSection[],
  floorAbove: number | undefined,
): { readonly visible: readonly VisiblePart[]; readonly truncations: readonly Truncation[] } {
  const visible: VisiblePart[] = []
  const truncations: Truncation[] = []
  let lowest = floorAbove ?? Infinity
  for (const section of sections) {
    visible.push({ section, pageMax: lowest })
    const floor = section.floor ?? Infinity
    if (floor >= lowest) continue
    lowest = floor
    truncations.push({ ...rangeOf(section), floor })
  }
  return { visible, truncations }
}

function rangeOf({ record, layer }: RangeSection): { readonly after: Lsn; readonly until: Lsn } {
  const [after, until] = layer === 0 ? [record.lsn - 1, record.lsn] : [record.lsn - 2 ** layer, record.lsn - 2 ** (layer - 1)]
  return { after: after as Lsn, until: until as Lsn }
}
