import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { Splinter, SplinterError, type SplinterReader, SplinterView } from '../src/index.ts'
import { type BinaryOperation, type VectorEntry, type VectorPair, type VectorProbes, Vectors } from './vectors.ts'

// The crate built larger sets from ranges, and so with partitions that are runs already; the fast choice of values is another.
const BUILT_FROM_VALUES_MAX = 2 ** 25
// Larger sets are compared by their containers and their canonical bytes only: their values take seconds.
const SPREAD_MAX = 2 ** 18
const OPERATIONS: readonly BinaryOperation[] = ['union', 'intersection', 'difference', 'symmetricDifference']

const bundled = fileURLToPath(new URL('fixtures/v2/', import.meta.url))
// Where the whole collection lies beside the repository, it runs without being asked to.
const beside = fileURLToPath(new URL('../../../../shared/vectors/splinter', import.meta.url))
const whole = process.env['SPLINTER_VECTORS'] ?? (existsSync(beside) ? beside : undefined)
const folders: [string, string][] = [['the bundled vectors', bundled]]
if (whole !== undefined && whole !== '') folders.push(['the whole collection', `${whole.replace(/\/$/, '')}/`])
else console.info('SPLINTER_VECTORS is not set, and no collection is beside the repository: only the bundled vectors run')

describe.each(folders)('%s', (_name, folder) => {
  expect(existsSync(folder), `${folder} does not exist`).toBe(true)
  const vectors = new Vectors(folder)
  const valid = vectors.entries.filter((entry) => entry.format === 'v2')
  const groups = [...new Set(valid.map((entry) => entry.group))]

  test.each(groups)('group %s: each file holds the listed values, and canonical bytes are written again', (group) => {
    for (const entry of valid.filter((candidate) => candidate.group === group)) checkEntry(vectors, entry)
  })

  test('operations give the listed results', () => {
    expect(vectors.pairs.length).toBeGreaterThan(0)
    for (const pair of vectors.pairs) checkPair(vectors, pair)
  })

  test('probes get the listed answers', () => {
    expect(vectors.probes.length).toBeGreaterThan(0)
    for (const probes of vectors.probes) {
      const bytes = vectors.file(probes.entry)
      checkProbes(new SplinterView(bytes), probes)
      checkProbes(Splinter.fromBytes(bytes), probes)
    }
  })

  test('I11: every damaged file is refused with a typed error before the first answer', () => {
    expect(vectors.corrupt.length).toBeGreaterThan(0)
    for (const { name, file, category, what } of vectors.corrupt) {
      const bytes = vectors.bytes(file)
      for (const error of [errorOf(() => new SplinterView(bytes)), errorOf(() => Splinter.fromBytes(bytes))]) {
        expect(error, `${name}: ${what}`).toBeInstanceOf(SplinterError)
        const { kind, code, offset } = error as SplinterError
        expect(kind, name).toBe(category === 'version1' ? 'unsupported' : 'corrupt')
        expect(offset, name).toBeGreaterThanOrEqual(0)
        expect(offset, name).toBeLessThanOrEqual(bytes.length)
        const expected = {
          length: 'SPLINTER_LENGTH',
          magic: 'SPLINTER_MAGIC',
          checksum: 'SPLINTER_CHECKSUM',
          version1: 'SPLINTER_VERSION',
        }
        if (category === 'structure') expect(code, name).toMatch(/^(PARTITION|VALUES|RUNS|SEGMENTS|CHILD)_/)
        else expect(code, name).toBe(expected[category])
      }
    }
  })

  test('files of version 1 are named as such', () => {
    const old = vectors.entries.filter((entry) => entry.format === 'v1')
    expect(old.length).toBeGreaterThan(0)
    for (const { name, file } of old) {
      const error = errorOf(() => new SplinterView(vectors.bytes(file)))
      expect(error, name).toMatchObject({ name: 'SplinterError', kind: 'unsupported', code: 'SPLINTER_VERSION' })
    }
  })
})

function errorOf(open: () => unknown): unknown {
  try {
    return open()
  } catch (error) {
    return error
  }
}

function checkEntry(vectors: Vectors, entry: VectorEntry): void {
  const { name, count, canonical, form } = entry
  const bytes = vectors.file(name)
  const expected = vectors.expected(entry)
  const view = new SplinterView(bytes)
  const decoded = Splinter.fromBytes(bytes)
  for (const set of [expected, view, decoded]) {
    expect(set.size, name).toBe(count)
    expect(set.equals(expected), name).toBe(true)
    if (canonical) expect(sameBytes(set.toBytes(), bytes), `${name}: canonical bytes`).toBe(true)
  }
  if (form === 'built' && count <= BUILT_FROM_VALUES_MAX) {
    expect(sameBytes(expected.toBytes({ optimize: false }), bytes), `${name}: fast choice`).toBe(true)
  }
  if (count > SPREAD_MAX) return
  // Equality goes through containers; the bytes themselves are read by iterating over the view.
  const values = expected.toUint32Array()
  expect(sameValues(view.toUint32Array(), values), name).toBe(true)
  expect(sameValues(decoded.toUint32Array(), values), name).toBe(true)
  expect(new SplinterView(expected.toBytes({ optimize: false })).equals(expected), name).toBe(true)
}

// Comparing with `toEqual` takes a thousand times as long.
function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}

function sameValues(a: Uint32Array, b: Uint32Array): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i])
}

function checkPair(vectors: Vectors, pair: VectorPair): void {
  const name = `${pair.a} and ${pair.b}`
  const bytesA = vectors.file(pair.a)
  const bytesB = vectors.file(pair.b)
  const result = (key: BinaryOperation | 'cutReturned' | 'cutRemaining') => new SplinterView(vectors.file(pair[key].entry))
  const operands: [SplinterReader, SplinterReader][] = [
    [Splinter.fromBytes(bytesA), Splinter.fromBytes(bytesB)],
    [new SplinterView(bytesA), new SplinterView(bytesB)],
    [Splinter.fromBytes(bytesA), new SplinterView(bytesB)],
  ]
  for (const [a, b] of operands) {
    for (const operation of OPERATIONS) {
      const actual = a[operation](b)
      expect(actual.size, `${operation} of ${name}`).toBe(pair[operation].count)
      expect(actual.equals(result(operation)), `${operation} of ${name}`).toBe(true)
    }
    expect(a.equals(b), name).toBe(pair.equal)
    expect(a.isSubsetOf(b), name).toBe(pair.isSubsetOf)
    expect(a.isSupersetOf(b), name).toBe(pair.isSupersetOf)
    expect(a.isDisjointFrom(b), name).toBe(pair.isDisjointFrom)
    const remaining = Splinter.from(a)
    expect(remaining.cut(b).equals(result('cutReturned')), `cut of ${name}`).toBe(true)
    expect(remaining.equals(result('cutRemaining')), `cut of ${name}`).toBe(true)
    expect(a.equals(new SplinterView(bytesA)) && b.equals(new SplinterView(bytesB)), `operands of ${name}`).toBe(true)
  }
}

function checkProbes(set: SplinterReader, probes: VectorProbes): void {
  const name = `${set[Symbol.toStringTag]} ${probes.entry}`
  expect(set.size, name).toBe(probes.count)
  expect(set.first() ?? null, name).toBe(probes.first)
  expect(set.last() ?? null, name).toBe(probes.last)
  for (const [value, answer] of probes.contains) expect(set.has(value), `${name} has ${value}`).toBe(answer)
  for (const [value, answer] of probes.rank) expect(set.rank(value), `${name} rank ${value}`).toBe(answer)
  for (const [value, answer] of probes.position) expect(set.indexOf(value) ?? null, `${name} indexOf ${value}`).toBe(answer)
  for (const [index, answer] of probes.select) expect(set.select(index) ?? null, `${name} select ${index}`).toBe(answer)
  for (const [start, end, answer] of probes.containsAll)
    expect(set.hasAll({ start, end }), `${name} hasAll ${start}`).toBe(answer)
  for (const [start, end, answer] of probes.containsAny)
    expect(set.hasAny({ start, end }), `${name} hasAny ${start}`).toBe(answer)
}
