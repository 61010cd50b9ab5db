import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Results, readmeTables, type SizeRow, wholeTables } from './tables.ts'

const PACKAGE = join(import.meta.dirname, '../../packages/splinter')
const BEGIN = '<!-- written by benchmarks/splinter/record.ts -->\n'
const END = '\n<!-- end -->'

/** The results that documents show. */
export const RECORD: string = join(import.meta.dirname, 'record.json')

export function readRecord(): Results {
  return JSON.parse(readFileSync(RECORD, 'utf8')) as Results
}

function marks(document: string): { readonly start: number; readonly end: number } {
  const begin = document.indexOf(BEGIN)
  const start = begin + BEGIN.length
  const end = document.indexOf(END, start - 1)
  if (begin === -1 || end === -1) throw new Error('the document has no marks for what a script writes')
  return { start, end: Math.max(start, end) }
}

/** What stands between the marks of a document. */
export function between(document: string): string {
  const { start, end } = marks(document)
  return document.slice(start, end)
}

/** The document with something else between its marks. */
export function withBetween(document: string, text: string): string {
  const { start, end } = marks(document)
  return document.slice(0, start) + text + document.slice(end)
}

/** Where tables are shown, and what has to stand there. */
export function documents(results: Results): { readonly path: string; readonly text: string }[] {
  const sizes = JSON.parse(readFileSync(join(PACKAGE, 'test/fixtures/v2/sizes.json'), 'utf8')) as SizeRow[]
  return [
    { path: join(PACKAGE, 'README.md'), text: readmeTables(results) },
    { path: join(PACKAGE, 'BENCHMARKS.md'), text: wholeTables(results, sizes) },
  ]
}
