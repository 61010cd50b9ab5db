import { ENCODINGS, type Level, PAGE_BYTES } from './world.ts'

/** The records of a local store in which a volume's pages lie: docs/format/local-store.md. */
export type PageRecords = 'open entries' | 'ended entries' | 'pages of local commits'

const FOLDERS: Record<PageRecords, string> = { 'open entries': 'o', 'ended entries': 'i', 'pages of local commits': 'l' }

/** The key under which each page lies, by page; fails unless there is exactly one for each of the pages 1 to `count`. */
export async function pageKeys(level: Level, volumeId: string, records: PageRecords, count: number): Promise<string[]> {
  const prefix = `v/${volumeId}/${FOLDERS[records]}/`
  const keys: string[] = []
  let found = 0
  for await (const [key, value] of level.iterator({ ...ENCODINGS, gte: prefix, lt: `${prefix}~` })) {
    const parts = key.slice(prefix.length).split('/')
    const page = Number.parseInt(parts[records === 'pages of local commits' ? 1 : 0] as string, 16)
    if (page > count) continue
    if (value.length < PAGE_BYTES) throw new Error(`a record without a page: ${key}`)
    keys[page] = key
    found++
  }
  if (found !== count || Object.keys(keys).length !== count) throw new Error(`${found} records of ${count} pages`)
  return keys
}
