// Keeps the results of the last run, and writes the tables that documents show from them. `npm run record -w benchmarks`.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { documents, RECORD, readRecord, withBetween } from './documents.ts'

const results = join(import.meta.dirname, '../results/splinter.json')
writeFileSync(RECORD, readFileSync(results))
for (const { path, text } of documents(readRecord())) {
  writeFileSync(path, withBetween(readFileSync(path, 'utf8'), text))
}
