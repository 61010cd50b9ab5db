import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { Splinter } from '../src/index.ts'
import { Vectors } from './vectors.ts'

/*
 * The table of sizes in the crate's own tests, which BENCHMARKS.md shows. The vectors hold the sets of its rows: those that are
 * small here, all of them in the whole collection.
 */
interface SizeRow {
  readonly row: string
  readonly count: number
  readonly splinter: number
}

const bundled = fileURLToPath(new URL('fixtures/v2/', import.meta.url))
const rows = JSON.parse(readFileSync(`${bundled}sizes.json`, 'utf8')) as SizeRow[]
const whole = process.env['SPLINTER_VECTORS'] ?? fileURLToPath(new URL('../../../../shared/vectors/splinter', import.meta.url))
const folders: [string, number][] = [[bundled, 21]]
if (existsSync(whole)) folders.push([`${whole.replace(/\/$/, '')}/`, 41])

test.each(folders)('sets of the size table take exactly as many bytes as the crate says: %s, %i rows', (folder, count) => {
  const vectors = new Vectors(folder)
  const entries = vectors.entries.filter(({ group, form }) => group === 'table' && form === 'optimized')
  expect(entries.length).toBe(count)
  for (const entry of entries) {
    const { row, count: members, splinter } = rows[Number(entry.name.replace('table-', '')) - 1]!
    const set = vectors.expected(entry)
    expect(set.size, row).toBe(members)
    expect(set.toBytes().length, row).toBe(splinter)
    expect(Splinter.from(set.toUint32Array()).byteLength, row).toBe(splinter)
  }
})
