import type { Volume } from '@graft-ts/client'
import type { VolumeId } from '@graft-ts/volume'
import { areEqual, type DemoDatabase, PAGE_SIZE } from '../database.ts'
import { bytesText, claim, type Report } from '../report.ts'
import type { Cost, DemoClient } from '../scene.ts'

const READS = 10
const SCANNED = 200
// What messages and stream frames may add to the pages: sets, LSNs and lengths.
const OVERHEAD_BYTES_PER_REQUEST = 1024

/** 2: an empty client learns of the volume without its pages, and then fetches those that it reads. */
export async function showLazyReads(
  reader: DemoClient,
  volumeId: VolumeId,
  database: DemoDatabase,
  report: Report,
): Promise<Volume> {
  // An unknown volume is opened by asking for its newest commit.
  const opened = await reader.measure(() => reader.client.openVolume(volumeId))
  const volume = opened.value
  claim(opened.passed.arrived.size === 0, 'opening brings no page')
  const isOneRequest = opened.traffic.requests === 1 && opened.traffic.byMethod['GetSnapshot'] === 1
  claim(isOneRequest, 'opening a volume asks for its newest commit, and reads nothing')
  claim(opened.traffic.bytesDown < PAGE_SIZE, 'what opening brings is less than one page')
  claim(volume.status().pageCount === database.pageCount, 'the new client knows the length of the database')
  report.add({
    step: '2a',
    what: 'an empty client opens it',
    traffic: opened.traffic,
    milliseconds: opened.milliseconds,
    note: `metadata only: LSN ${volume.status().base.lsn}, ${database.pageCount} pages, none of them here`,
  })
  await showTenReads(reader, volume, database, report)
  await showScan(reader, volume, database, report)
  return volume
}

async function showTenReads(reader: DemoClient, volume: Volume, database: DemoDatabase, report: Report): Promise<void> {
  const pages = scattered(database)
  const { traffic, passed, milliseconds } = await readOneByOne(reader, volume, database, pages)
  const { wanted, arrived, pageBytes } = passed
  claim(
    pages.every((pageIndex) => arrived.has(pageIndex)),
    'the pages that were read have come',
  )
  claim(wanted.isSubsetOf(pages), 'nothing was asked for but what was read')
  claim(pageBytes <= arrived.size * PAGE_SIZE, 'each page came once')
  report.add({
    step: '2b',
    what: `it reads ${READS} scattered pages`,
    traffic,
    milliseconds,
    note: `${arrived.size} pages on the wire: ${wanted.size} read, ${arrived.difference(wanted).size} prefetched (${bytesText(pageBytes)} of ${bytesText(database.byteLength)})`,
  })
}

/** Reads in order are foreseen: most pages are here, or on their way, before they are read. */
async function showScan(reader: DemoClient, volume: Volume, database: DemoDatabase, report: Report): Promise<void> {
  const first = Math.floor(database.pageCount / 2)
  const pages = Array.from({ length: SCANNED }, (_, i) => first + i)
  const { traffic, passed, milliseconds } = await readOneByOne(reader, volume, database, pages)
  const { arrived, wanted } = passed
  claim(traffic.requests < SCANNED / 2, 'a scan needs far fewer requests than pages')
  report.add({
    step: '2c',
    what: `it reads ${SCANNED} pages in order`,
    traffic,
    milliseconds,
    note: `${arrived.size} pages on the wire: ${wanted.size} waited for, ${arrived.difference(wanted).size} prefetched`,
  })
}

/** Reads pages, compares them with the file, and claims that nothing crossed the wire but they and what was prefetched. */
async function readOneByOne(
  reader: DemoClient,
  volume: Volume,
  database: DemoDatabase,
  pages: readonly number[],
): Promise<Cost<void>> {
  const cost = await reader.measure(async () => {
    const snapshot = volume.snapshot()
    try {
      for (const pageIndex of pages) {
        claim(areEqual(await snapshot.read(pageIndex), database.page(pageIndex)), `page ${pageIndex} is that of the file`)
      }
    } finally {
      snapshot.close()
    }
  })
  const { wanted, prefetched, arrived, pageBytes } = cost.passed
  const requests = cost.traffic.byMethod['ReadPages'] ?? 0
  claim(arrived.isSubsetOf(wanted.union(prefetched)), 'nothing came but what was read or prefetched')
  claim(
    cost.traffic.bytesDown <= pageBytes + requests * OVERHEAD_BYTES_PER_REQUEST,
    'the answers hold those pages and hardly more',
  )
  return cost
}

function scattered(database: DemoDatabase): number[] {
  const pages = new Set<number>()
  while (pages.size < READS) pages.add(database.random(database.pageCount))
  return [...pages]
}
