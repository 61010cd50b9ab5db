import type { VolumeSnapshot } from '@graft-ts/client'
import type { FileOptions } from './import-file.ts'
import { type Append, type TargetOptions, writeTargetFile } from './target-file.ts'

// Pages that are in memory at a time: 4 MiB of the default size.
const PAGES_AT_ONCE = 1024

/**
 * Writes all pages of a snapshot to a file, which appears whole or not at all.
 *
 * @returns How many pages were fetched because they were not local yet.
 * @throws {@link FileError} `FILE_EXISTS` unless forced, `FILE_MISSING`, `FILE_DENIED`, `DISK_FULL`; what the snapshot throws.
 */
export async function exportFile(
  snapshot: VolumeSnapshot,
  path: string,
  options: FileOptions & Partial<TargetOptions> = {},
): Promise<{ pagesFetched: number }> {
  let pagesFetched = 0
  await writeTargetFile(path, { isForced: options.isForced ?? false }, async (append) => {
    pagesFetched = await fetchMissing(snapshot, options)
    await appendPages(snapshot, append, options)
  })
  return { pagesFetched }
}

async function fetchMissing(snapshot: VolumeSnapshot, { signal, onProgress }: FileOptions): Promise<number> {
  const { pagesFetched } = await snapshot.hydrate({
    ...(signal !== undefined && { signal }),
    onProgress: (progress) => onProgress?.({ stage: 'fetching', ...progress }),
  })
  return pagesFetched
}

async function appendPages(snapshot: VolumeSnapshot, append: Append, { signal, onProgress }: FileOptions): Promise<void> {
  const { pageCount, pageSize } = snapshot
  for (let done = 0; done < pageCount; ) {
    const count = Math.min(PAGES_AT_ONCE, pageCount - done)
    const first = done + 1
    const indexes = Array.from({ length: count }, (_, i) => first + i)
    const pages = await snapshot.readMany(indexes, signal === undefined ? {} : { signal })
    const bytes = new Uint8Array(count * pageSize)
    for (const [pageIndex, page] of pages) bytes.set(page, (pageIndex - first) * pageSize)
    await append(bytes)
    done += count
    onProgress?.({ stage: 'writing', pagesDone: done, pagesTotal: pageCount })
  }
}
