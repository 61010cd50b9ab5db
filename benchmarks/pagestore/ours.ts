// The server of this project, as an operator would run it.
import { allowEverybody } from '@graft-ts/protocol'
import { startServer } from '@graft-ts/server'
import { FsStore } from '@graft-ts/storage-adapters/fs'
import { type FrameCodec, webFrameCodec } from '@graft-ts/volume'
import { serveParent, settingsOfProcess } from './server-process.ts'

const { folder, isDurable, isRaw, cacheBytesMax } = settingsOfProcess()
const store = await FsStore.open(folder, { fsync: isDurable, createDirectory: true })

// Frames that would grow are stored as they are.
const tooLong = new Uint8Array(2 ** 20)
const rawCodec: FrameCodec = { ...webFrameCodec, deflateRaw: async () => tooLong }

const server = await startServer({
  stores: { segments: store, commits: store },
  port: 0,
  authorize: allowEverybody,
  pagestore: { cacheBytesMax, ...(isRaw && { codec: rawCodec }) },
})
serveParent(server.port, async () => {
  await server.close()
  await store.close()
})
