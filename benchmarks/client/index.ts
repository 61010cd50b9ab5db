// Client: reads of pages that are here, local commits, a cold open, and memory, each against the least that it could cost.
import type { Measurement, Subject } from '../harness/subject.ts'
import { coldOpenRows } from './cold-open.ts'
import { commitRows, pendingRows } from './commits.ts'
import { KEPT_PAGES } from './kept-volumes.ts'
import { memoryRow } from './memory.ts'
import { readRows } from './reads.ts'

export const subject: Subject = {
  description: 'pages of 4 KiB: cached reads against bare getSync, get and Map, local commits against bare batches, a cold open',
  run: async (context) => {
    const rows: Measurement[] = []
    for (const kept of KEPT_PAGES) rows.push(...(await readRows(context, kept)))
    rows.push(...(await commitRows(context)), ...(await pendingRows(context)))
    rows.push(...(await coldOpenRows(context)), memoryRow(context))
    return rows
  },
}
