import type { Volume } from '@graft-ts/client'
import { type DemoDatabase, PAGE_SIZE } from '../database.ts'
import { bytesText, claim, type Report } from '../report.ts'
import type { DemoClient } from '../scene.ts'
import { importDatabase } from './import.ts'

const ROWS = 20

/** 3: the database changes through SQLite; importing it again sends only the pages that changed. */
export async function showUpdate(writer: DemoClient, volume: Volume, database: DemoDatabase, report: Report): Promise<void> {
  database.lookUp(ROWS)
  const changed = database.refresh()
  const { value, traffic, milliseconds } = await writer.measure(() => importDatabase(volume, database.path))
  claim(changed.length > 0 && changed.length < database.pageCount / 10, 'the UPDATE changed some pages and not all')
  claim(value.changedPages === changed.length, 'exactly the pages that differ in the file were written')
  claim(value.lsn === 2, 'the import is one more commit')
  claim(traffic.bytesUp < (changed.length + 2) * PAGE_SIZE, 'hardly more than those pages went up')
  report.add({
    step: '3',
    what: `UPDATE of ${ROWS} rows, import again`,
    traffic,
    milliseconds,
    note: `${value.changedPages} pages went up (${bytesText(value.changedPages * PAGE_SIZE)}), of ${database.pageCount} compared`,
  })
}
