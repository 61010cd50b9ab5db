import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { decodeCommit, decodeSegmentRef, encodeCommit, encodeSegmentRef } from '../src/index.ts'
import { FIXTURES, goldenFiles, type ManifestEntry, manifestText } from './golden/files.ts'
import { type GoldenCase, read } from './golden/golden-case.ts'
import { outcomeOf } from './outcome.ts'

const manifest = readFileSync(new URL('manifest.json', FIXTURES), 'utf8')
const entries = JSON.parse(manifest) as ManifestEntry[]
const files = entries.map((entry) => ({ ...entry, bytes: Uint8Array.from(readFileSync(new URL(entry.file, FIXTURES))) }))
const good = files.filter(({ file }) => file.startsWith('good/'))
const damaged = files.filter(({ file }) => file.startsWith('damaged/'))
const titled = (some: typeof files) => some.map((file) => [file.file, file] as const)

describe('the stored format has not changed', () => {
  test('the files are what is written today, byte for byte', async () => {
    const today = await goldenFiles()
    expect(today.map(({ entry }) => entry)).toEqual(entries)
    expect(manifestText(entries)).toBe(manifest)
    for (const [i, { entry, bytes }] of today.entries())
      expect([entry.file, Buffer.compare(bytes, files[i]!.bytes)]).toEqual([entry.file, 0])
  })

  test('there is no file that the manifest does not list, and few bytes in all', () => {
    const found = readdirSync(FIXTURES, { recursive: true, withFileTypes: true }).filter((each) => each.isFile())
    expect(found).toHaveLength(files.length + 1)
    expect(new Set(entries.map(({ file }) => file)).size).toBe(files.length)
    expect(files.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBeLessThan(400_000)
  })
})

describe('good files', () => {
  test.each(titled(good))('%s says what was written', async (_, file) => {
    expect(await read(file)).toEqual(file.says)
  })

  // A ref has no checksum of its own: it lies in a record, or is signed.
  test.each(titled(good.filter(({ reader }) => reader !== 'ref')))('I11: %s, cut anywhere, is refused', async (_, file) => {
    // Bytes behind a commit's record are its inline frames, which are another reader's business.
    const length = file.reader === 'commit' ? decodeCommit(file.bytes).byteLength : file.bytes.length
    for (let cut = 0; cut < length; cut += length > 5000 ? 7 : 1) {
      expect([cut, await outcomeOf(read({ ...file, bytes: file.bytes.subarray(0, cut) }))]).toEqual([
        cut,
        expect.stringMatching(/^corrupt /),
      ])
    }
  })

  test.each(titled(good.filter(({ name }) => !/skipped|twice/.test(name))))(
    '%s is written again as it was',
    (_, { reader, bytes }) => {
      if (reader === 'commit') {
        const { record, byteLength } = decodeCommit(bytes)
        expect(encodeCommit(record)).toEqual(bytes.slice(0, byteLength))
      }
      if (reader === 'ref') expect(encodeSegmentRef(decodeSegmentRef(bytes))).toEqual(bytes)
    },
  )
})

describe('I11: damaged files', () => {
  test.each(titled(damaged))('%s', async (_, file) => {
    expect(await outcomeOf(read(file))).toBe(file.says)
  })

  test('every code of the readers is among them', () => {
    const codes = new Set(damaged.map(({ says }) => (says as string).split(' ')[1]))
    const all = ['TRUNCATED', 'MAGIC', 'KIND', 'VERSION', 'LENGTH', 'CHECKSUM', 'CONTENT'].map((code) => `RECORD_${code}`)
    const segment = ['TRUNCATED', 'MAGIC', 'CHECKSUM', 'VERSION', 'INDEX'].map((code) => `SEGMENT_${code}`)
    const frame = ['TRUNCATED', 'MAGIC', 'VERSION', 'CHECKSUM', 'FOREIGN', 'PAGES', 'LENGTH', 'CODEC', 'CONTENT'].map(
      (code) => `FRAME_${code}`,
    )
    expect([...codes].sort()).toEqual([...all, ...segment, ...frame].sort())
  })

  test('what a newer version wrote is named with both versions', async () => {
    const newer = damaged.filter(({ says }) => /^unsupported \w+_VERSION$/.test(says as string))
    expect(new Set(newer.map(({ reader }) => reader))).toEqual(
      new Set<GoldenCase['reader']>(['commit', 'head', 'segment', 'frame']),
    )
    for (const file of newer) {
      const version = file.name.includes('version 0') ? 0 : 2
      await expect(read(file)).rejects.toThrow(`version=${version} supported=1`)
    }
  })
})
