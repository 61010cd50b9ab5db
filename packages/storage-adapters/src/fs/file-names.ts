/**
 * How keys are named on the file system.
 *
 * - Each segment of a key is a folder, the last one a file that ends in `.object`. So `a` (`a.object`) and `a/b`
 *   (`a/b.object`) do not meet. A folder whose name would end in `.object` has that dot escaped.
 * - Letters, digits and most ASCII punctuation stay. Other bytes are `%XX`: `%` itself, what some system forbids in
 *   names, and everything beyond ASCII, which some systems normalize.
 * - A name longer than 240 characters is cut, never inside an escape; all parts but the last are folders that end in
 *   `%+`. Names that begin or end with a lone `%` are therefore free for the store's own use.
 */

/** Folder of the store that holds what is not finished; no key leads there. */
export const STAGING_FOLDER = '%staging'

const OBJECT_SUFFIX = '.object'
const PART_SUFFIX = '%+'
// File systems allow 255 bytes; the suffixes have to fit too.
const PART_CHARACTERS_MAX = 240
const PLAIN = /^[A-Za-z0-9 !#$&'()+,\-.;=@[\]^_`{}~]*$/
const ESCAPED_CHARACTER = /[^A-Za-z0-9 !#$&'()+,\-.;=@[\]^_`{}~]/u
const ESCAPED_CHARACTERS = new RegExp(ESCAPED_CHARACTER, 'gu')

const encoder = new TextEncoder()
// The byte order mark is a character like any other in a key.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Where the object of a key lies, relative to the folder of the store. */
export interface ObjectPath {
  /** Folders from the folder of the store, outermost first. */
  readonly folders: readonly string[]
  readonly file: string
}

/** Where the object of a valid key lies, relative to the folder of the store. */
export function objectPathOf(key: string): ObjectPath {
  const segments = key.split('/')
  const last = segments.pop() as string
  const folders = segments.flatMap(folderNames)
  const parts = cut(escapeSegment(last))
  const file = parts.pop() as string
  for (const part of parts) folders.push(part + PART_SUFFIX)
  return { folders, file: file + OBJECT_SUFFIX }
}

/** Path of the object of a valid key. */
export function objectPath(directory: string, key: string): string {
  const { folders, file } = objectPathOf(key)
  return folders.length === 0 ? `${directory}/${file}` : `${directory}/${folders.join('/')}/${file}`
}

/** The folders that stand for one segment of keys: one, or more if its name is long. */
export function folderNames(segment: string): string[] {
  let name = escapeSegment(segment)
  if (name.endsWith(OBJECT_SUFFIX)) name = `${name.slice(0, -OBJECT_SUFFIX.length)}%2E${OBJECT_SUFFIX.slice(1)}`
  const parts = cut(name)
  return parts.map((part, index) => (index === parts.length - 1 ? part : part + PART_SUFFIX))
}

/** What an entry of a folder stands for; `undefined` if the store did not name it. */
export type EntryName =
  /** The last segment of a key. */
  | { readonly type: 'object'; readonly segment: string }
  /** A segment that others follow. */
  | { readonly type: 'folder'; readonly segment: string }
  /** The first part of a long name; its entries go on with `escaped`. */
  | { readonly type: 'part'; readonly escaped: string }

/**
 * Reads the name of an entry.
 *
 * @param escapedBefore The earlier parts of a long name, as a `part` gave them; empty otherwise.
 */
export function parseEntryName(name: string, isFolder: boolean, escapedBefore: string): EntryName | undefined {
  if (isFolder && name.endsWith(PART_SUFFIX)) {
    return { type: 'part', escaped: escapedBefore + name.slice(0, -PART_SUFFIX.length) }
  }
  const type = isFolder ? 'folder' : 'object'
  if (!isFolder && !name.endsWith(OBJECT_SUFFIX)) return undefined
  const escaped = escapedBefore + (isFolder ? name : name.slice(0, -OBJECT_SUFFIX.length))
  const segment = unescapeSegment(escaped)
  if (segment === undefined || segment === '') return undefined
  // Only the one way in which the store writes a name counts; others would list keys that cannot be read.
  const names = isFolder ? folderNames(segment) : cut(escapeSegment(segment))
  const isOurs = names.at(-1) === (isFolder ? name : name.slice(0, -OBJECT_SUFFIX.length))
  return isOurs ? { type, segment } : undefined
}

function escapeSegment(segment: string): string {
  if (PLAIN.test(segment)) return segment
  return segment.replace(ESCAPED_CHARACTERS, (character) => {
    let escaped = ''
    for (const byte of encoder.encode(character)) escaped += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
    return escaped
  })
}

function unescapeSegment(escaped: string): string | undefined {
  if (!escaped.includes('%')) return escaped
  const bytes: number[] = []
  for (let i = 0; i < escaped.length; i++) {
    const unit = escaped.charCodeAt(i)
    if (unit !== 0x25) {
      bytes.push(unit)
      continue
    }
    const digits = escaped.slice(i + 1, i + 3)
    if (!/^[0-9A-F]{2}$/.test(digits)) return undefined
    bytes.push(Number.parseInt(digits, 16))
    i += 2
  }
  try {
    return decoder.decode(new Uint8Array(bytes))
  } catch {
    return undefined
  }
}

function cut(name: string): string[] {
  const parts: string[] = []
  let rest = name
  while (rest.length > PART_CHARACTERS_MAX) {
    let end = PART_CHARACTERS_MAX
    const escape = rest.lastIndexOf('%', end - 1)
    if (escape !== -1 && escape + 3 > end) end = escape
    parts.push(rest.slice(0, end))
    rest = rest.slice(end)
  }
  parts.push(rest)
  return parts
}
