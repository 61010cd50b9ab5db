import type { Volume } from '@graft-ts/client'
import type { VolumeId } from '@graft-ts/volume'
import { areEqual, type DemoDatabase, PAGE_SIZE } from '../database.ts'
import { bytesText, claim, type Report } from '../report.ts'
import type { DemoClient } from '../scene.ts'

const READS = 10
// What messages and stream frames may add to the pages: sets, LSNs and lengths.
const OVERHEAD_BYTES_PER_REQUEST = 1024

/** 2: an empty client learns of the volume without its pages, and then fetches those that it reads. */
export async function showLazyReads(
  reader: DemoClient,
  volumeId: VolumeId,
  database: DemoDatabase,
  report: Report,
): Promise<Volume> {
  const opened = await reader.measure(async () => {
    const volume = await reader.client.openVolume(volumeId)
    await volume.pull()
    return volume
  })
  const volume = opened.value
  claim(opened.passed.arrived.size === 0, 'a pull brings no page')
  claim(opened.traffic.byMethod['ReadPages'] === undefined, 'a pull asks for no page')
  claim(opened.traffic.bytesDown < PAGE_SIZE, 'what a pull brings is less than one page')
  claim(volume.status().pageCount === database.pageCount, 'the new client knows the length of the database')
  report.add({
    step: '2a',
    what: 'an empty client opens and pulls',
    traffic: opened.traffic,
    milliseconds: opened.milliseconds,
    note: `metadata only: LSN ${volume.status().base.lsn}, ${database.pageCount} pages, none of them here`,
  })
  await showTenReads(reader, volume, database, report)
  return volume
}

async function showTenReads(reader: DemoClient, volume: Volume, database: DemoDatabase, report: Report): Promise<void> {
  const pages = scattered(database)
  const { traffic, passed, milliseconds } = await reader.measure(async () => {
    const snapshot = volume.snapshot()
    try {
      for (const pageIndex of pages) {
        claim(areEqual(await snapshot.read(pageIndex), database.page(pageIndex)), `page ${pageIndex} is that of the file`)
      }
    } finally {
      snapshot.close()
    }
  })
  const { wanted, prefetched, arrived, pageBytes } = passed
  const requests = traffic.byMethod['ReadPages'] ?? 0
  claim(
    pages.every((pageIndex) => arrived.has(pageIndex)),
    'the pages that were read have come',
  )
  claim(wanted.isSubsetOf(pages), 'nothing was asked for but what was read')
  claim(arrived.isSubsetOf(wanted.union(prefetched)), 'nothing came but what was read or prefetched')
  claim(pageBytes <= arrived.size * PAGE_SIZE, 'each page came once')
  claim(traffic.bytesDown <= pageBytes + requests * OVERHEAD_BYTES_PER_REQUEST, 'the answers hold those pages and hardly more')
  report.add({
    step: '2b',
    what: `it reads ${READS} scattered pages`,
    traffic,
    milliseconds,
    note: `${arrived.size} pages on the wire: ${wanted.size} read, ${arrived.difference(wanted).size} prefetched (${bytesText(pageBytes)} of ${bytesText(database.byteLength)})`,
  })
}

function scattered(database: DemoDatabase): number[] {
  const pages = new Set<number>()
  while (pages.size < READS) pages.add(database.random(database.pageCount))
  return [...pages]
}
