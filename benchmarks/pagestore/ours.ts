// The server of this project, as an operator would run it.
import { openDiskFrameCache } from '@graft-ts/pagestore/node'
import { allowEverybody } from '@graft-ts/protocol'
import { collectLessOften, startServer } from '@graft-ts/server'
import { FsStore } from '@graft-ts/storage-adapters/fs'
import { createNodeFrameCodec } from '@graft-ts/volume/node'
import { serveParent, settingsOfProcess } from './server-process.ts'

const DISK_CACHE_BYTES = 256 * 2 ** 20

const { folder, isDurable, isRaw, cacheBytesMax, diskCacheFolder: directory } = settingsOfProcess()
const store = await FsStore.open(folder, { fsync: isDurable, createDirectory: true })
const frameCache = directory === undefined ? undefined : await openDiskFrameCache({ directory, bytesMax: DISK_CACHE_BYTES })

collectLessOften()
const server = await startServer({
  stores: { segments: store, commits: store },
  port: 0,
  authorize: allowEverybody,
  ...(isRaw && { codec: createNodeFrameCodec({ format: 'raw' }) }),
  pagestore: { cacheBytesMax, ...(frameCache !== undefined && { frameCache }) },
})
serveParent(server.port, async () => {
  await server.close()
  await frameCache?.close()
  await store.close()
})
