import type { Transaction, Volume } from '@graft-ts/client'
import { FileError } from './errors.ts'
import type { SourceFile } from './source-file.ts'

/** How far long work is. */
export interface FileProgress {
  /** `fetching` pages that are not local yet, `comparing` them with the file, `writing` the file. */
  readonly stage: 'fetching' | 'comparing' | 'writing'
  readonly pagesDone: number
  readonly pagesTotal: number
}

/** Options of long work. */
export interface FileOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: FileProgress) => void
}

/**
 * Makes the local head of a volume equal to a file, in one local commit; `volume.push()` then sends it.
 *
 * Every page is compared with the head and only those that differ are written. All count as read, so that what others
 * commit meanwhile can never be mixed with pages of this file: the comparison is repeated instead.
 *
 * @returns How many pages were written.
 * @throws {@link FileError} `PAGE_SIZE_DIFFERS`; `FILE_CHANGED` if somebody wrote to the file meanwhile: nothing is
 * committed then. What the volume throws.
 */
export async function importFile(volume: Volume, source: SourceFile, options: FileOptions = {}): Promise<number> {
  if (volume.pageSize !== source.pageSize) {
    throw new FileError('PAGE_SIZE_DIFFERS', `the page sizes differ, file=${source.pageSize} volume=${volume.pageSize}`)
  }
  const { signal } = options
  await fetchMissing(volume, options)
  const { value } = await volume.transact((tx) => writeDifferences(tx, source, options), signal === undefined ? {} : { signal })
  return value
}

/** What is compared page by page should not be fetched page by page. */
async function fetchMissing(volume: Volume, { signal, onProgress }: FileOptions): Promise<void> {
  const snapshot = volume.snapshot()
  try {
    if (snapshot.pageCount === 0) return
    await snapshot.hydrate({
      ...(signal !== undefined && { signal }),
      onProgress: (progress) => onProgress?.({ stage: 'fetching', ...progress }),
    })
  } finally {
    snapshot.close()
  }
}

async function writeDifferences(tx: Transaction, source: SourceFile, { signal, onProgress }: FileOptions): Promise<number> {
  const pageCountBefore = tx.pageCount
  let written = 0
  for await (const { pageIndex, bytes } of source.pages()) {
    signal?.throwIfAborted()
    // Pages that nobody wrote are zeros, and need not be written to be zeros.
    const isEqual = pageIndex > pageCountBefore ? isZero(bytes) : areEqual(await tx.read(pageIndex), bytes)
    if (!isEqual) {
      tx.write(pageIndex, bytes)
      written++
    }
    onProgress?.({ stage: 'comparing', pagesDone: pageIndex, pagesTotal: source.pageCount })
  }
  if (pageCountBefore !== source.pageCount) tx.setPageCount(source.pageCount)
  await source.checkUnchanged()
  return written
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0)
}

function areEqual(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}
