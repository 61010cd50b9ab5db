import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hostileKeys } from '../../src/conformance/keys.ts'
import { type EntryName, objectPathOf, parseEntryName } from '../../src/fs/file-names.ts'
import { compareKeys, isKey } from '../../src/keys.ts'

const seed = process.env['FAST_CHECK_SEED']
const parameters = {
  numRuns: Number(process.env['FAST_CHECK_RUNS'] ?? 200),
  ...(seed === undefined ? {} : { seed: Number(seed) }),
}

// Made of what the naming treats specially, so that collisions would be likely if they were possible.
const pieces = [
  'a',
  'A',
  '/',
  '.',
  '%',
  '%+',
  '%25',
  '.object',
  '%2Eobject',
  '%staging',
  'é',
  '🙂',
  'z'.repeat(120),
  '%'.repeat(80),
]
const special = fc.array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 8 }).map((parts) => parts.join(''))
const anyKey = fc.oneof(special, fc.string({ unit: 'binary', minLength: 1, maxLength: 60 })).filter(isKey)

/** The key of a path, as a listing finds it. */
function keyOf(folders: readonly string[], file: string): string | undefined {
  let key = ''
  let before = ''
  const names: [string, boolean][] = [...folders.map((name): [string, boolean] => [name, true]), [file, false]]
  for (const [name, isFolder] of names) {
    const parsed: EntryName | undefined = parseEntryName(name, isFolder, before)
    if (parsed === undefined) return undefined
    before = parsed.type === 'part' ? parsed.escaped : ''
    if (parsed.type === 'folder') key += `${parsed.segment}/`
    if (parsed.type === 'object') return key + parsed.segment
  }
  return undefined
}

function checkNames(key: string): void {
  const { folders, file } = objectPathOf(key)
  for (const name of [...folders, file]) {
    expect(name).toMatch(/^[A-Za-z0-9 !#$%&'()+,\-.;=@[\]^_`{}~]{1,255}$/)
    expect(['.', '..', '%staging']).not.toContain(name)
  }
  for (const folder of folders) expect(folder.endsWith('.object')).toBe(false)
  expect([folders, file].flat().join('/').length).toBeLessThanOrEqual(3120)
  expect(keyOf(folders, file)).toBe(key)
}

test('every key has file names of its own that every system takes, and they lead back to it', () => {
  fc.assert(fc.property(anyKey, checkNames), parameters)
  for (const key of [...hostileKeys(1024), '%'.repeat(250), `${'%'.repeat(250)}/`.repeat(4) + '%'.repeat(20)]) checkNames(key)
})

test('any name of an entry is a part of one key, or ignored', () => {
  const name = fc.oneof(
    special,
    fc.string({ unit: 'binary' }),
    special.map((text) => `${text}.object`),
  )
  fc.assert(
    fc.property(fc.array(name, { maxLength: 3 }), name, (folders, file) => {
      const key = keyOf(folders, file)
      if (key === undefined || !isKey(key)) return
      // What a listing tells can be read: the path is the one that the key leads to.
      const path = objectPathOf(key)
      expect([...path.folders, path.file]).toEqual([...folders, file])
    }),
    parameters,
  )
})

test('compareKeys orders as the bytes of UTF-8 do', () => {
  const text = fc.oneof(special, fc.string({ unit: 'grapheme' }))
  fc.assert(
    fc.property(text, text, (a, b) => {
      expect(Math.sign(compareKeys(a, b))).toBe(Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b))))
    }),
    parameters,
  )
})
