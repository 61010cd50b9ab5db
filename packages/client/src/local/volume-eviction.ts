import { Batch, recordBytes } from './batch.ts'
import type { VolumeKeys } from './keys.ts'
import type { Leftovers } from './leftovers.ts'
import type { LocalDatabase } from './local-store.ts'
import { decodePageEntry } from './page-entry.ts'
import { hasPending } from './pins.ts'
import type { Recency } from './recency.ts'
import type { VolumeWriter } from './volume-writer.ts'

// Pages that one step looks at: a commit that comes meanwhile waits for no more than that.
const STEP_PAGES_MAX = 256

/** What it works with. */
interface EvictionTools {
  readonly database: LocalDatabase
  readonly writer: VolumeWriter
  readonly keys: VolumeKeys
  readonly leftovers: Leftovers
  readonly recency: Recency
}

/** Makes room in what one volume has in the local store: the clock algorithm, over its open entries. */
export class VolumeEviction {
  readonly #tools: EvictionTools
  // The page at which it goes on.
  #hand = 0

  constructor(tools: EvictionTools) {
    this.#tools = tools
  }

  /**
   * Drops pages that can be fetched again and were not read since the last time that they were looked at. Goes on where the
   * last call stopped, and looks at some hundred pages at most.
   *
   * @param bytesMin Stops when as many bytes are free.
   * @returns What is free, and whether the last page of the volume was reached; then the next call begins at the first.
   */
  async step(bytesMin: number): Promise<{ readonly bytes: number; readonly isAtEnd: boolean }> {
    const { database, writer, keys, recency } = this.#tools
    const batch = new Batch()
    const local: { readonly key: string; readonly openKey: string; readonly openBytes: number }[] = []
    let looked = 0
    let free = 0
    let next = 0
    for await (const [key, value] of database.entries(keys.openEntriesFrom(this.#hand))) {
      const pageIndex = keys.pageOfOpenEntry(key)
      next = pageIndex
      if (looked++ >= STEP_PAGES_MAX || free >= bytesMin) break
      next = 0
      if (recency.take(pageIndex)) continue
      const { content } = decodePageEntry(value)
      const openBytes = recordBytes(key, value)
      if (content.type !== 'local') batch.removePage(key, openBytes, 'cached')
      else if (this.#isNeededAs(content.sequence)) continue
      else local.push({ key: keys.localPage(content.sequence, pageIndex), openKey: key, openBytes })
      free += content.type === 'local' ? 0 : openBytes
    }
    const pages = await database.getMany(local.map(({ key }) => key))
    for (const [i, { key, openKey, openBytes }] of local.entries()) {
      const page = pages[i]
      batch.removePage(openKey, openBytes, 'cached')
      if (page !== undefined) batch.removePage(key, recordBytes(key, page), 'cached')
    }
    await writer.write(batch, { sync: false })
    this.#hand = next
    return { bytes: -batch.growth.cached, isAtEnd: next === 0 }
  }

  /** Whether an open view reads pages as a local commit wrote them: then nobody else can provide them. */
  #isNeededAs(sequence: number): boolean {
    return this.#tools.leftovers.isNeeded((view) => hasPending(view, sequence))
  }
}
