import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Row } from '../../harness/subject.ts'
import { between, documents, readRecord, withBetween } from '../../splinter/documents.ts'
import { readmeTables, renderResults, wholeTables } from '../../splinter/tables.ts'
import { timeTurns } from '../../splinter/time.ts'

const row = (name: string, unit: string, ours: number, baseline: number, baselineName: string, target: number | null): Row => ({
  case: name,
  unit,
  ours,
  baseline,
  baselineName,
  ratio: unit === 'MB/s' ? ours / baseline : baseline / ours,
  target,
})

const rows: Row[] = [
  row('has, 10 pages', 'ns', 10, 15, 'roaring-wasm', 1.2),
  row('has on bytes, 10 pages', 'ns', 20, 15, 'roaring-wasm', 0.8),
  row('has, 200 pages', 'ns', 20, 22, 'roaring-wasm', 1.2),
  row('has, 200 pages', 'ns', 20, 50, 'Set', null),
  row('union, 1024 sparse', 'ns', 12_000, 60_000, 'roaring-wasm', 2.5),
  row('union of 1000 page sets from bytes', 'ms', 3, 9, 'roaring-wasm', 2),
  row('encoded size, 10 pages', 'bytes', 90, 80, 'portable Roaring', null),
  row('memory of a set, 10 pages', 'bytes', 400, 350, 'roaring-wasm', null),
  row('memory of a set on bytes, 10 pages', 'bytes', 500, 350, 'roaring-wasm', null),
  row('CRC-64, 64 bytes', 'MB/s', 900, 300, '@aws-sdk/crc64-nvme', 2),
]
const machine = { date: '2025-01-02T03:04:05Z', processor: 'P', processors: 2, platform: 'linux x64', node: 'v24.0.0' }
const native: Row = row('has, 10 pages', 'ns', 10, 30, 'roaring', 1.5)

describe('the table in the README', () => {
  const text = readmeTables({ machine, rows })
  const line = (start: string): string | undefined => text.split('\n').find((candidate) => candidate.startsWith(start))

  test('has a line for each operation and family, with the lowest and the highest ratio', () => {
    // 200 pages are below the target, so the range is marked.
    expect(line('| has | page sets')).toBe('| has | page sets | 10 ns–20 ns | **1.1–1.5** | 1.2 |')
    expect(line('| has on bytes')).toBe('| has on bytes | page sets | 20 ns | **0.75** | 0.8 |')
    expect(line('| union | sparse')).toBe('| union | sparse | 12 µs | 5.0 | 2.5 |')
    expect(line('| union of 1000')).toBe('| union of 1000 from bytes | page sets | 3 ms | 3.0 | 2 |')
    expect(text).not.toContain('| rank')
  })

  test('has columns for the addon where that took part, and says so where it did not', () => {
    expect(text).toContain('Native `roaring` did not take part.')
    const both = readmeTables({ machine, rows: [...rows, native] })
    expect(both).not.toContain('did not take part')
    expect(both).toContain('| operation | sets | Splinter | × roaring | target | × roaring-wasm | target |')
    expect(readmeTables({ machine, rows: [native, rows[0]!] })).toContain('| has | page sets | 10 ns | 3.0 | 1.5 | 1.5 | 1.2 |')
  })

  test('tells bytes, checksums, date and machine', () => {
    expect(line('| 10 pages')).toBe('| 10 pages | 90 | 80 | 400 | 500 | 350 |')
    expect(text).toContain('64 bytes: 900 MB/s, 3.0 times `@aws-sdk/crc64-nvme`')
    expect(text).toContain('Measured on 2025-01-02: P, 2 processors, linux x64, Node v24.0.0.')
  })
})

test('the whole table has every case once, with all contenders', () => {
  const text = wholeTables({ machine, rows }, [{ row: 'empty', count: 0, splinter: 13, roaring: 8 }])
  expect(text).toContain('| has, 200 pages | ns | 20 | **22: 1.1 (1.2)** | 50: 2.5 |')
  expect(text).toContain('| empty | 0 | 13 | 8 |')
})

test('the terminal gets a line for each case, and a mark at what is below its target', () => {
  const lines = renderResults([...rows, native]).split('\n')
  expect(lines.find((line) => line.includes('has, 10 pages'))).toMatch(/10 .* 30 .* 3\.0 of 1\.5 .* 15 .* 1\.5 of 1\.2 /)
  expect(lines.find((line) => line.includes('has, 200 pages'))).toMatch(/1\.1 of 1\.2 < .*Set 2\.5/)
})

describe('documents', () => {
  test('show what the script writes from the recorded results', () => {
    for (const { path, text } of documents(readRecord())) expect(between(readFileSync(path, 'utf8')), path).toBe(text)
  })

  test('what is between the marks is replaced, empty or not, and nothing else', () => {
    const { path, text } = documents(readRecord())[0]!
    const document = readFileSync(path, 'utf8')
    const emptied = withBetween(document, '')
    expect(between(emptied)).toBe('')
    expect(emptied.length).toBe(document.length - text.length)
    expect(withBetween(emptied, text)).toBe(document)
    expect(between(withBetween(document, '$& and\nmore'))).toBe('$& and\nmore')
  })

  test('a document without marks is an error', () => {
    expect(() => between('# Title\n')).toThrow('no marks')
  })
})

describe('taking turns', () => {
  test('different answers are an error, not a result', () => {
    const turns = [
      { name: 'right', run: () => 1 },
      { name: 'wrong', run: () => 2 },
    ]
    expect(() => timeTurns(turns)).toThrow('wrong and right give different answers')
  })

  test('each is run again and again, in turns, and has its time', () => {
    const calls: string[] = []
    const turn = (name: string) => ({ name, run: () => Number(calls.push(name) < 0) })
    const best = timeTurns([turn('ours'), turn('theirs')])
    expect([...best.keys()]).toEqual(['ours', 'theirs'])
    for (const milliseconds of best.values()) expect(milliseconds).toBeGreaterThanOrEqual(0)
    const changes = calls.filter((name, i) => i > 0 && calls[i - 1] !== name).length
    expect(changes).toBeGreaterThanOrEqual(9)
  })
})
