import type { Volume } from '@graft-ts/client'
import { runCommand } from '../command-line.ts'
import { type DemoDatabase, integrityCheck, sha256 } from '../database.ts'
import { bytesText, claim, type Report } from '../report.ts'
import type { DemoClient, Scene } from '../scene.ts'

interface ExportResult {
  readonly lsn: number
  readonly pageCount: number
  readonly fetchedPages: number
}

/** 6: all pages are fetched and written to a file, which is the database, bit by bit. */
export async function showExport(
  scene: Scene,
  reader: DemoClient,
  volume: Volume,
  database: DemoDatabase,
  report: Report,
): Promise<void> {
  const hydrated = await reader.measure(async () => {
    const snapshot = volume.snapshot()
    try {
      return await snapshot.hydrate()
    } finally {
      snapshot.close()
    }
  })
  const { pagesFetched } = hydrated.value
  claim(pagesFetched < database.pageCount, 'pages that were here already are not fetched')
  claim(hydrated.passed.arrived.size === pagesFetched, 'each of the others came')
  report.add({
    step: '6a',
    what: 'full hydrate',
    traffic: hydrated.traffic,
    milliseconds: hydrated.milliseconds,
    note: `${pagesFetched} pages came, ${database.pageCount - pagesFetched} were here`,
  })
  await showFile(scene, reader, volume, database, report)
}

/** The command line exports from the same local store. */
async function showFile(scene: Scene, reader: DemoClient, volume: Volume, database: DemoDatabase, report: Report): Promise<void> {
  const path = scene.path('exported.db')
  const { volumeId } = volume
  await scene.closeClient(reader)
  const startedMs = performance.now()
  const exported = await runCommand<ExportResult>(
    'export',
    volumeId,
    path,
    '--server',
    scene.url,
    '--local',
    reader.localDirectory,
  )
  const milliseconds = performance.now() - startedMs
  claim(exported.fetchedPages === 0, 'after a hydrate nothing is fetched')
  const [ours, theirs] = await Promise.all([sha256(path), sha256(database.path)])
  claim(ours === theirs, 'the SHA-256 of the exported file equals that of the source')
  const integrity = integrityCheck(path)
  claim(integrity === 'ok', 'PRAGMA integrity_check says ok')
  report.add({
    step: '6b',
    what: `graft-ts export, ${bytesText(database.byteLength)}`,
    milliseconds,
    note: `SHA-256 ${ours.slice(0, 16)}… equals the source's; integrity_check: ${integrity}`,
  })
}
