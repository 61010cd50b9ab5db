import { join } from 'node:path'
import { Client } from '@graft-ts/client'
import { embedded } from '@graft-ts/embedded'
import { allowEverybody, type GraftTransport, httpTransport } from '@graft-ts/protocol'
import { importFile, SourceFile, startServer } from '@graft-ts/server'
import { FsStore } from '@graft-ts/storage-adapters/fs'
import { createNodeFrameCodec } from '@graft-ts/volume/node'
import { ClassicLevel } from 'classic-level'

/** How an import reaches the object store. */
export type Route = 'embedded' | 'http'

/** Options of {@link importDatabase}. */
export interface ImportOptions {
  readonly route: Route
  /** Whether the object store and the local store sync to disk before they answer. */
  readonly isDurable: boolean
}

interface OpenTransport {
  readonly transport: GraftTransport
  readonly close: () => Promise<void>
}

/**
 * Does what `graft-ts import` does with a new volume: opens everything on empty folders, imports, pushes, closes.
 *
 * @param folder An existing, empty folder.
 */
export async function importDatabase(path: string, folder: string, options: ImportOptions): Promise<void> {
  const objects = await FsStore.open(join(folder, 'objects'), { fsync: options.isDurable, createDirectory: true })
  const remote = await openTransport(objects, options.route)
  const store = new ClassicLevel<string, Uint8Array>(join(folder, 'local'), { keyEncoding: 'utf8', valueEncoding: 'view' })
  const durability = options.isDurable ? 'local' : 'memory'
  const client = await Client.open({ transport: remote.transport, store, durability })
  try {
    await importInto(client, path)
  } finally {
    await client.close()
    await remote.close()
    await objects.close()
  }
}

async function importInto(client: Client, path: string): Promise<void> {
  const source = await SourceFile.open(path, { rawPageSize: undefined })
  try {
    const volume = await client.createVolume({ pageSize: source.pageSize })
    await importFile(volume, source)
    const { snapshot } = await volume.push()
    if (snapshot.lsn !== 1 || snapshot.pageCount !== source.pageCount) {
      throw new Error(`the import is not whole, lsn=${snapshot.lsn} pages=${snapshot.pageCount} expected=${source.pageCount}`)
    }
  } finally {
    await source.close()
  }
}

async function openTransport(objects: FsStore, route: Route): Promise<OpenTransport> {
  if (route === 'embedded') {
    const transport = embedded(objects, { codec: createNodeFrameCodec() })
    return { transport, close: () => transport.close() }
  }
  const stores = { segments: objects, commits: objects }
  const server = await startServer({ stores, port: 0, authorize: allowEverybody })
  const transport = httpTransport({ baseUrl: `http://127.0.0.1:${server.port}` })
  return { transport, close: () => server.close() }
}
