import { join } from 'node:path'
import { throwIfAborted } from '../errors.ts'
import { compareKeys, isKey } from '../keys.ts'
import type { ListEntry, ListPage } from '../object-store.ts'
import { folderNames, parseEntryName } from './file-names.ts'
import { errnoOf, type Files } from './files.ts'
import { damaged, HEADER_BYTES } from './object-file.ts'

/** A listing under way. */
export interface Walk {
  readonly files: Files
  readonly directory: string
  readonly prefix: string
  readonly startAfter: string
  readonly limit: number
  readonly signal: AbortSignal | undefined
}

interface Item {
  /** The key of an object; of a folder, what its keys begin with, slash included. */
  readonly key: string
  readonly isFolder: boolean
  readonly path: string
  /** Of an object that may be in the page: asked for while the other names are still looked at. */
  looked: Promise<Looked> | undefined
}

/** What a look at the file of an object gave, failures included, since nobody may ask for it any more. */
type Looked = { readonly entry: ListEntry | undefined } | { readonly failure: unknown }

/**
 * Lists one page in the order of keys. Costs the reading of every folder between the start and the end of the page, as
 * a whole, and one call per entry for its size: a folder with many objects is read again for each page.
 */
export async function listFolder(walk: Walk): Promise<ListPage> {
  const slash = walk.prefix.lastIndexOf('/')
  const segments = slash === -1 ? [] : walk.prefix.slice(0, slash).split('/')
  const folder = join(walk.directory, ...segments.flatMap(folderNames))
  const found: Item[] = []
  // One more than the page tells whether there is another page.
  await collect(walk, folder, walk.prefix.slice(0, slash + 1), found, walk.limit + 1)
  const page = found.slice(0, walk.limit)
  const entries: ListEntry[] = []
  for (const looked of await Promise.all(page.map((item) => item.looked ?? look(walk, item)))) {
    if ('failure' in looked) throw looked.failure
    if (looked.entry !== undefined) entries.push(looked.entry)
  }
  const last = page.at(-1)
  return found.length > walk.limit && last !== undefined ? { entries, nextStartAfter: last.key } : { entries }
}

async function collect(walk: Walk, folder: string, keyBefore: string, found: Item[], most: number): Promise<void> {
  throwIfAborted(walk.signal)
  const items: Item[] = []
  await readFolder(walk, folder, keyBefore, '', items)
  // With the slash in it, the key of a folder sorts where its objects do: after `a-b`, before `a0`.
  items.sort((a, b) => compareKeys(a.key, b.key))
  for (const item of items) {
    if (found.length >= most) return
    if (item.isFolder) await collect(walk, item.path, item.key, found, most)
    else found.push(item)
  }
}

/** Reads the entries of a folder that matter, those below the first parts of long names included. */
async function readFolder(walk: Walk, folder: string, keyBefore: string, escapedBefore: string, items: Item[]): Promise<void> {
  for (const entry of await readEntries(walk.files, folder)) {
    const isFolder = entry.isDirectory()
    const name = parseEntryName(entry.name, isFolder, escapedBefore)
    if (name === undefined) continue
    const path = `${folder}/${entry.name}`
    if (name.type === 'part') await readFolder(walk, path, keyBefore, name.escaped, items)
    else {
      const item: Item = { key: keyBefore + name.segment + (isFolder ? '/' : ''), isFolder, path, looked: undefined }
      if (!matters(walk, item)) continue
      if (!isFolder && items.length < walk.limit) item.looked = look(walk, item)
      items.push(item)
    }
  }
}

function matters(walk: Walk, item: Item): boolean {
  const { prefix, startAfter } = walk
  // A file that somebody else put here may have a name that no key has.
  if (!item.isFolder) return item.key.startsWith(prefix) && compareKeys(item.key, startAfter) > 0 && isKey(item.key)
  if (!item.key.startsWith(prefix) && !prefix.startsWith(item.key)) return false
  return startAfter.startsWith(item.key) || compareKeys(item.key, startAfter) > 0
}

async function readEntries(files: Files, folder: string): Promise<{ name: string; isDirectory(): boolean }[]> {
  try {
    return await files.readdir(folder)
  } catch (error) {
    // No key has this prefix. Whether the store is there at all, the caller checks.
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
}

// Without `await`: among a thousand entries it can be felt.
function look({ files }: Walk, { key, path }: Item): Promise<Looked> {
  return files.stat(path).then(
    ({ size }) => {
      // A file that is too short to be an object would otherwise be listed with a negative length.
      if (size < HEADER_BYTES) return { failure: damaged(key, `it has ${size} bytes`) }
      return { entry: { key, size: size - HEADER_BYTES } }
    },
    // Deleted since its folder was read, or not to be known.
    (error: unknown) => (errnoOf(error) === 'ENOENT' ? { entry: undefined } : { failure: error }),
  )
}
