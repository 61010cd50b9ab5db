import { Batch, recordBytes } from './batch.ts'
import type { VolumeKeys } from './keys.ts'
import type { LocalDatabase } from './local-store.ts'
import { decodePageEntry } from './page-entry.ts'
import type { LocalPlace } from './page-lookup.ts'
import type { VolumeWriter } from './volume-writer.ts'

const CHUNK = 1000

/**
 * Clears away what a process left behind that is gone: what it kept for its views, and pages that never became visible.
 *
 * @param pendingSequences Local commits that are pending.
 */
export async function sweep(
  store: { readonly database: LocalDatabase; readonly writer: VolumeWriter; readonly keys: VolumeKeys },
  pendingSequences: ReadonlySet<number>,
): Promise<void> {
  const { database, writer, keys } = store
  const batch = new Batch()
  for await (const [key, bytes] of database.entries(keys.endedEntries)) batch.removePage(key, recordBytes(key, bytes), 'kept')
  let candidates: (LocalPlace & { readonly key: string })[] = []
  const settle = async (): Promise<void> => {
    const open = await database.getMany(candidates.map(({ pageIndex }) => keys.openEntry(pageIndex)))
    const orphans = candidates.filter(({ sequence }, i) => {
      const record = open[i]
      const content = record === undefined ? undefined : decodePageEntry(record).content
      return content?.type !== 'local' || content.sequence !== sequence
    })
    const pages = await database.getMany(orphans.map(({ key }) => key))
    for (const [i, { key }] of orphans.entries()) batch.removePage(key, recordBytes(key, pages[i] as Uint8Array), 'kept')
    candidates = []
  }
  for await (const key of database.keys(keys.localPages)) {
    const place = keys.parseLocalPage(key)
    if (!pendingSequences.has(place.sequence)) candidates.push({ key, ...place })
    if (candidates.length >= CHUNK) await settle()
  }
  await settle()
  batch.remove(keys.dirty)
  await writer.write(batch, { sync: false })
}
