import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { seededRandom } from '@graft-ts/storage-adapters/testing'
import { buildWordNet } from '../../examples/demo/word-net.ts'

/** Bytes of each page. */
export const PAGE_BYTES = 4096
/** Pages of each request. */
export const REQUEST_PAGES = 64
/** Bytes of the pages of each request. */
const REQUEST_BYTES = REQUEST_PAGES * PAGE_BYTES

/** What is in the pages. */
export type Content = 'random' | 'SQLite'

/** The pages of some requests, one after the other. */
export interface PageSource {
  readonly content: Content
  /** The pages of request `i`; the same bytes each time. */
  readonly dataOf: (i: number) => Uint8Array
}

/** Pages that do not compress. */
export function randomPages(requests: number): PageSource {
  const random = seededRandom(1)
  const words = new Uint32Array((requests * REQUEST_BYTES) / Uint32Array.BYTES_PER_ELEMENT)
  for (let i = 0; i < words.length; i++) words[i] = random() * 2 ** 32
  return sourceOf('random', new Uint8Array(words.buffer))
}

/** Pages of a real database: WordNet, 36 MiB of tables and indexes. */
export async function sqlitePages(scratch: string): Promise<PageSource> {
  const path = join(scratch, 'wordnet.db')
  await buildWordNet(path)
  return sourceOf('SQLite', await readFile(path))
}

function sourceOf(content: Content, bytes: Uint8Array): PageSource {
  const requests = Math.floor(bytes.length / REQUEST_BYTES)
  if (requests === 0) throw new RangeError('too few pages for one request')
  const dataOf = (i: number): Uint8Array => bytes.subarray((i % requests) * REQUEST_BYTES, ((i % requests) + 1) * REQUEST_BYTES)
  return { content, dataOf }
}
