import type { Volume } from '@graft-ts/client'
import { importFile, SourceFile } from '@graft-ts/server'
import { listAll } from '@graft-ts/storage-adapters'
import { FsStore } from '@graft-ts/storage-adapters/fs'
import type { DemoDatabase } from '../database.ts'
import { bytesText, claim, type Report } from '../report.ts'
import type { DemoClient, Scene } from '../scene.ts'

/** Makes the volume equal to the database file, and pushes. */
export async function importDatabase(volume: Volume, path: string): Promise<{ changedPages: number; lsn: number }> {
  const source = await SourceFile.open(path, { rawPageSize: undefined })
  try {
    const changedPages = await importFile(volume, source)
    const { snapshot } = await volume.push()
    return { changedPages, lsn: snapshot.lsn }
  } finally {
    await source.close()
  }
}

/** 1: the whole database goes up, in few segments and one commit. */
export async function showImport(scene: Scene, writer: DemoClient, database: DemoDatabase, report: Report): Promise<Volume> {
  const volume = await writer.client.createVolume()
  const { value, traffic, milliseconds } = await writer.measure(() => importDatabase(volume, database.path))
  const segments = await countSegments(scene.storeDirectory)
  claim(value.lsn === 1, 'the import is one commit')
  claim(value.changedPages === database.pageCount, 'every page of the database was written')
  claim((traffic.byMethod['Commit'] ?? 0) === 1, 'one Commit request was sent')
  claim(segments.count > 0 && segments.bytes < database.byteLength, 'segments are there, smaller than the database')
  report.add({
    step: '1',
    what: `import ${bytesText(database.byteLength)}`,
    traffic,
    milliseconds,
    note: `${value.changedPages} pages in ${segments.count} segments (${bytesText(segments.bytes)}), 1 commit`,
  })
  return volume
}

async function countSegments(storeDirectory: string): Promise<{ count: number; bytes: number }> {
  const store = await FsStore.open(storeDirectory)
  try {
    let count = 0
    let bytes = 0
    for await (const { size } of listAll(store, { prefix: 'segments/' })) {
      count++
      bytes += size
    }
    return { count, bytes }
  } finally {
    await store.close()
  }
}
