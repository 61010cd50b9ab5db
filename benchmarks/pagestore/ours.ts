// The server of this project, as an operator would run it.
import { allowEverybody } from '@graft-ts/protocol'
import { startServer } from '@graft-ts/server'
import { FsStore } from '@graft-ts/storage-adapters/fs'
import { createNodeFrameCodec } from '@graft-ts/volume/node'
import { serveParent, settingsOfProcess } from './server-process.ts'

const { folder, isDurable, isRaw, cacheBytesMax } = settingsOfProcess()
const store = await FsStore.open(folder, { fsync: isDurable, createDirectory: true })

const server = await startServer({
  stores: { segments: store, commits: store },
  port: 0,
  authorize: allowEverybody,
  ...(isRaw && { codec: createNodeFrameCodec({ format: 'raw' }) }),
  pagestore: { cacheBytesMax },
})
serveParent(server.port, async () => {
  await server.close()
  await store.close()
})
