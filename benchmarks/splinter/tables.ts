import Table from 'cli-table3'
import type { Machine } from '../harness/machine.ts'
import type { Row } from '../harness/subject.ts'
import type { OperationName } from './loops.ts'
import { caseOf, MEMORY, SIZE, UNION_MANY } from './names.ts'
import { TARGETS, TARGETS_ON_BYTES } from './targets.ts'
import { type Family, WORKLOADS } from './workloads.ts'

/*
 * The results for people. A run has a row for each pair of contenders; here is one line for each thing that was done.
 */

/** What `benchmarks/results/splinter.json` holds. */
export interface Results {
  readonly machine: Machine
  readonly rows: readonly Row[]
}

/** A line of the size table of the crate's own tests. */
export interface SizeRow {
  readonly row: string
  readonly count: number
  readonly splinter: number
  readonly roaring: number
}

const ROARING = ['roaring', 'roaring-wasm'] as const

/** All rows of one case: ours, and each other's by its name. */
interface Line {
  readonly name: string
  readonly unit: string
  readonly ours: number
  readonly others: ReadonlyMap<string, Row>
}

function linesOf(rows: readonly Row[]): Line[] {
  return [...Map.groupBy(rows, (row) => row.case)].map(([name, group]) => ({
    name,
    unit: group[0]!.unit,
    ours: group[0]!.ours,
    others: new Map(group.map((row) => [row.baselineName, row])),
  }))
}

/** Three significant digits, without exponents. */
function short(value: number): string {
  if (value >= 1000) return Math.round(value).toLocaleString('en-GB')
  return value >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)))
}

/** Two significant digits below ten: ratios are not known better. */
function ratioText(value: number): string {
  return value >= 10 ? String(Math.round(value)) : value.toFixed(value >= 1 ? 1 : 2)
}

/** A ratio and its target, with a mark if it was missed. */
function ratioCell(row: Row | undefined): string {
  if (row === undefined) return ''
  const target = row.target === null ? '' : ` of ${row.target}${row.ratio < row.target ? ' <' : ''}`
  return `${ratioText(row.ratio)}${target}`
}

/** For the terminal: one line for each case, with the ratio to each contender and, where there is one, the target. */
export function renderResults(rows: readonly Row[]): string {
  const table = new Table({
    head: ['case', 'unit', 'ours', 'roaring', 'ratio of target', 'roaring-wasm', 'ratio of target', 'ratio to others'],
    colAligns: ['left', 'left', 'right', 'right', 'right', 'right', 'right', 'left'],
    style: { head: [], border: [], compact: true },
  })
  for (const { name, unit, ours, others } of linesOf(rows)) {
    const rest = [...others.values()].filter(({ baselineName }) => !ROARING.includes(baselineName as (typeof ROARING)[number]))
    table.push([
      name,
      unit,
      short(ours),
      ...ROARING.flatMap((port) => [others.has(port) ? short(others.get(port)!.baseline) : '', ratioCell(others.get(port))]),
      rest.map((row) => `${row.baselineName} ${ratioCell(row)}`).join(', '),
    ])
  }
  return table.toString()
}

function markdown(head: readonly string[], body: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  const rule = `|${head.map((_, i) => (i === 0 ? '---' : '---:')).join('|')}|`
  return [line(head), rule, ...body.map(line)].join('\n')
}

function range(values: readonly number[], text: (value: number) => string): string {
  const [low, high] = [Math.min(...values), Math.max(...values)].map(text)
  return low === high ? low! : `${low}–${high}`
}

const NANOSECONDS: readonly (readonly [unit: string, size: number])[] = [
  ['ms', 1e6],
  ['µs', 1e3],
  ['ns', 1],
]

function timeText(nanoseconds: number): string {
  const [unit, size] = NANOSECONDS.find(([, limit]) => nanoseconds >= limit) ?? NANOSECONDS[2]!
  return `${short(nanoseconds / size)} ${unit}`
}

const FAMILIES: Readonly<Record<Family, string>> = {
  pages: 'page sets',
  sparse: 'sparse',
  dense: 'dense',
}

/** Every operation with each family of sets: the lowest and the highest ratio of the family's workloads. */
function ratioTable(rows: readonly Row[]): string {
  const lines = new Map(linesOf(rows).map((line) => [line.name, line]))
  const ports = ROARING.filter((port) => rows.some(({ baselineName }) => baselineName === port))
  const body: string[][] = []
  const push = (what: string, sets: string, found: readonly Line[], size: number): void => {
    const cells = ports.flatMap((port) => {
      const group = found.flatMap(({ others }) => others.get(port) ?? [])
      const target = group[0]?.target ?? null
      const isMissed = target !== null && group.some(({ ratio }) => ratio < target)
      const ratios = group.map(({ ratio }) => ratio)
      return [isMissed ? `**${range(ratios, ratioText)}**` : range(ratios, ratioText), target === null ? '' : String(target)]
    })
    body.push([
      what,
      sets,
      range(
        found.map(({ ours }) => ours * size),
        timeText,
      ),
      ...cells,
    ])
  }
  const families = Object.keys(FAMILIES) as Family[]
  for (const operation of Object.keys(TARGETS) as OperationName[]) {
    for (const isOnBytes of operation in TARGETS_ON_BYTES ? [true, false] : [false]) {
      for (const family of families) {
        const names = WORKLOADS.filter((workload) => workload.family === family).map(({ name }) => name)
        const found = names.flatMap((name) => lines.get(caseOf(operation, name, isOnBytes)) ?? [])
        if (found.length > 0) push(`${operation}${isOnBytes ? ' on bytes' : ''}`, FAMILIES[family], found, 1)
      }
    }
  }
  const many = lines.get(UNION_MANY)
  if (many !== undefined) push('union of 1000 from bytes', FAMILIES.pages, [many], 1e6)
  return markdown(['operation', 'sets', 'Splinter', ...ports.flatMap((port) => [`× ${port}`, 'target'])], body)
}

/** Bytes of each workload's sets, encoded and in memory. */
function bytesTable(rows: readonly Row[], isWhole: boolean): string {
  const lines = new Map(linesOf(rows).map((line) => [line.name, line]))
  const wanted = ['roaring', 'roaring-wasm', 'Set', 'sorted Uint32Array', ...(isWhole ? ['typedfastbitset'] : [])]
  const inMemory = wanted.filter((name) => rows.some((row) => row.case.startsWith(MEMORY) && row.baselineName === name))
  const body = WORKLOADS.flatMap(({ name }) => {
    const size = lines.get(caseOf(SIZE, name))
    const memory = lines.get(caseOf(MEMORY, name))
    if (size === undefined || memory === undefined) return []
    const others = inMemory.map((other) => memory.others.get(other))
    const view = lines.get(caseOf(MEMORY, name, true))
    return [
      [
        name,
        short(size.ours),
        short([...size.others.values()][0]!.baseline),
        short(memory.ours),
        view === undefined ? '' : short(view.ours),
        ...others.map((row) => (row === undefined ? '' : short(row.baseline))),
      ],
    ]
  })
  return markdown(['sets', 'encoded', 'Roaring', 'in memory', 'view and bytes', ...inMemory], body)
}

function checksumText(rows: readonly Row[]): string {
  const found = linesOf(rows).filter(({ unit }) => unit === 'MB/s')
  const parts = found.map(({ name, ours, others }) => {
    const { baseline, baselineName } = [...others.values()][0]!
    return `${name.replace('CRC-64, ', '')}: ${short(ours)} MB/s, ${ratioText(ours / baseline)} times \`${baselineName}\``
  })
  return `CRC-64 of ${parts.join('; ')}.`
}

function machineText({ machine, rows }: Results): string {
  const { date, processor, processors, platform, node } = machine
  const native = rows.some(({ baselineName }) => baselineName === 'roaring') ? '' : ' Native `roaring` did not take part.'
  return `Measured on ${date.slice(0, 10)}: ${processor}, ${processors} processors, ${platform}, Node ${node}.${native}`
}

/** What the README of the package shows. */
export function readmeTables(results: Results): string {
  const { rows } = results
  return [
    machineText(results),
    ratioTable(rows),
    'Bytes of a set, on average:',
    bytesTable(rows, false),
    checksumText(rows),
  ].join('\n\n')
}

/** All that was measured, for the file beside the README. */
export function wholeTables(results: Results, sizes: readonly SizeRow[]): string {
  const timed = linesOf(results.rows).filter(({ unit }) => unit !== 'bytes' && unit !== 'MB/s')
  const contenders = [...new Set(timed.flatMap(({ others }) => [...others.keys()]))]
  const body = timed.map(({ name, unit, ours, others }) => [
    name,
    unit,
    short(ours),
    ...contenders.map((contender) => {
      const row = others.get(contender)
      if (row === undefined) return ''
      const target = row.target === null ? '' : ` (${row.target})`
      const text = `${short(row.baseline)}: ${ratioText(row.ratio)}${target}`
      return row.target !== null && row.ratio < row.target ? `**${text}**` : text
    }),
  ])
  const sizeBody = sizes.map(({ row, count, splinter, roaring }) => [row, short(count), short(splinter), short(roaring)])
  return [
    machineText(results),
    '## Time',
    markdown(['case', 'unit', 'Splinter', ...contenders], body),
    '## Bytes of a set',
    bytesTable(results.rows, true),
    checksumText(results.rows),
    "## Sizes of the crate's own table",
    markdown(['sets', 'members', 'Splinter', 'Roaring'], sizeBody),
  ].join('\n\n')
}
