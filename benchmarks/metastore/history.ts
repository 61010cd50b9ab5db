import type { CommitAttempt, CommitLog } from '@graft-ts/commit-log'
import { Splinter } from '@graft-ts/splinter'
import { type Lsn, newClientId, newCommitId, newSegmentId, PAGE_SIZE_DEFAULT } from '@graft-ts/volume'
import { type Random, seeded } from '../splinter/random.ts'

/** Pages of the volume. */
export const PAGES = 100_000

/** Seeded ids: the same history in every run. */
function idSource(random: Random) {
  return {
    nowMs: () => 1_700_000_000_000,
    randomBytes: (length: number) => Uint8Array.from({ length }, () => random(256)),
  }
}

/** Makes the commits of a volume whose pages change as a B-tree's do: some of them neighbours, some of them often. */
export class CommitMaker {
  readonly #random: Random
  readonly #ids: ReturnType<typeof idSource>
  readonly #clientId

  constructor(seed: number) {
    this.#random = seeded(seed)
    this.#ids = idSource(this.#random)
    this.#clientId = newClientId(this.#ids)
  }

  /** The next commit: 1 to 50 pages in clusters, one of them near the root, in one segment of a page store. */
  next(baseLsn: Lsn): CommitAttempt {
    const random = this.#random
    const size = 1 + random(50)
    const pages = new Set<number>([1 + random(8)])
    while (pages.size < size) {
      let page = 1 + random(PAGES)
      for (let length = 1 + random(12); length > 0 && page <= PAGES && pages.size < size; length--) {
        pages.add(page)
        page += random(10) < 7 ? 1 : 2 + random(15)
      }
    }
    const own = Splinter.from(Uint32Array.from(pages).sort())
    const frames = { lengths: Uint32Array.of(size * 1500), checksums: BigUint64Array.of(BigInt(random(2 ** 32))) }
    return {
      baseLsn,
      commitId: newCommitId(this.#ids),
      clientId: this.#clientId,
      pageSize: PAGE_SIZE_DEFAULT,
      pageCount: PAGES,
      floor: undefined,
      own,
      refs: [{ segmentId: newSegmentId(this.#ids), pages: own, offset: random(2 ** 24), frames }],
    }
  }
}

/** Appends commits until the log has so many. */
export async function appendUpTo(log: CommitLog, maker: CommitMaker, lsn: number): Promise<void> {
  const head = (await log.head())?.lsn ?? 0
  for (let base: number = head; base < lsn; base++) await append(log, maker.next(base as Lsn))
}

/** Appends a commit that nobody competes with. */
export async function append(log: CommitLog, attempt: CommitAttempt): Promise<void> {
  const outcome = await log.append(attempt)
  if (outcome.type !== 'committed') throw new Error(`somebody else commits here, lsn=${attempt.baseLsn + 1}`)
}
