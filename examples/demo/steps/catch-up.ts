import type { PullResult, Volume, VolumeSnapshot } from '@graft-ts/client'
import { Splinter } from '@graft-ts/splinter'
import { areEqual, type DemoDatabase, PAGE_SIZE, readFilePage } from '../database.ts'
import { bytesText, claim, type Report } from '../report.ts'
import type { Cost, DemoClient } from '../scene.ts'

const COMMITS = 200
const ROWS_PER_COMMIT = 3
const PAGES_KEPT = 500

interface Actors {
  readonly writer: DemoClient
  readonly written: Volume
  readonly reader: DemoClient
  readonly read: Volume
  readonly database: DemoDatabase
  /** Where a copy of the file is kept as it was before. */
  readonly copyPath: string
}

/** 4: a client that is 200 commits behind catches up with one request, and what it had stays as it was. */
export async function showCatchUp(actors: Actors, report: Report): Promise<void> {
  const { reader, read, database, copyPath } = actors
  await read.pull()
  await database.copyTo(copyPath)
  const old = read.snapshot()
  try {
    const kept = firstPages(PAGES_KEPT)
    await old.hydrate({ pages: kept })
    await makeCommits(actors, report)
    const pulled = await reader.measure(() => read.pull())
    checkPull(pulled, old, report)
    await showOldSnapshot(actors, old, pulled.value, report)
    await showRefetch(actors, kept, pulled.value, report)
  } finally {
    old.close()
  }
}

async function makeCommits({ writer, written, database }: Actors, report: Report): Promise<void> {
  let pages = 0
  const { traffic, milliseconds } = await writer.measure(async () => {
    for (let i = 0; i < COMMITS; i++) {
      database.lookUp(ROWS_PER_COMMIT)
      const changed = database.refresh()
      await written.transact((tx) => {
        for (const { pageIndex, bytes } of changed) tx.write(pageIndex, bytes)
      })
      await written.push()
      pages += changed.length
    }
  })
  claim((traffic.byMethod['Commit'] ?? 0) === COMMITS, `${COMMITS} commits were made`)
  report.add({
    step: '4a',
    what: `${COMMITS} commits of the first client`,
    traffic,
    milliseconds,
    note: `an UPDATE of ${ROWS_PER_COMMIT} rows each, ${pages} pages in all`,
  })
}

function checkPull(pulled: Cost<PullResult>, old: VolumeSnapshot, report: Report): void {
  const { value, traffic, passed, milliseconds } = pulled
  claim(
    value.snapshot.lsn - old.lsn === COMMITS && value.isApplied,
    `the client was ${COMMITS} commits behind, and is not any more`,
  )
  claim(traffic.requests === 1 && traffic.byMethod['Pull'] === 1, 'catching up took one request')
  claim(passed.arrived.size === 0, 'catching up brought no page')
  report.add({
    step: '4b',
    what: `the other one catches up`,
    traffic,
    milliseconds,
    note: `ONE request for ${COMMITS} commits: ${value.changes.pages.size} pages changed, none fetched`,
  })
}

/** Pages that are here, and pages that have to be fetched as they were then. */
async function showOldSnapshot(
  { reader, database, copyPath }: Actors,
  old: VolumeSnapshot,
  { changes }: PullResult,
  report: Report,
): Promise<void> {
  const changedHere = [...changes.pages].filter((pageIndex) => pageIndex <= PAGES_KEPT)
  const changedElsewhere = [...changes.pages].filter((pageIndex) => pageIndex > PAGES_KEPT).slice(0, 20)
  const isOld = async (pageIndex: number): Promise<void> => {
    const page = await old.read(pageIndex)
    claim(areEqual(page, await readFilePage(copyPath, pageIndex)), `page ${pageIndex} of the old snapshot is as it was`)
    claim(!areEqual(page, database.page(pageIndex)), `page ${pageIndex} has changed since`)
  }
  const here = await reader.measure(async () => {
    for (const pageIndex of changedHere) await isOld(pageIndex)
  })
  claim(changedHere.length > 0 && here.traffic.requests === 0, 'pages of the old snapshot that were here are still here')
  const elsewhere = await reader.measure(async () => {
    for (const pageIndex of changedElsewhere) await isOld(pageIndex)
  })
  report.add({
    step: '4c',
    what: 'its old snapshot stays readable',
    traffic: elsewhere.traffic,
    milliseconds: here.milliseconds + elsewhere.milliseconds,
    note: `${changedHere.length} changed pages from the local store, ${changedElsewhere.length} fetched as they were`,
  })
}

async function showRefetch(
  { reader, read, database }: Actors,
  kept: readonly number[],
  { changes }: PullResult,
  report: Report,
): Promise<void> {
  const { traffic, passed, milliseconds } = await reader.measure(async () => {
    const snapshot = read.snapshot()
    try {
      for (const [pageIndex, page] of await snapshot.readMany(kept)) {
        claim(areEqual(page, database.page(pageIndex)), `page ${pageIndex} is that of the file now`)
      }
    } finally {
      snapshot.close()
    }
  })
  const expected = changes.pages.intersection(Splinter.from(kept))
  claim(passed.arrived.equals(expected), 'exactly the changed pages were fetched again')
  report.add({
    step: '4d',
    what: `it reads ${kept.length} pages again`,
    traffic,
    milliseconds,
    note: `${expected.size} had changed and came again (${bytesText(expected.size * PAGE_SIZE)}), ${kept.length - expected.size} were still good`,
  })
}

function firstPages(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i + 1)
}
