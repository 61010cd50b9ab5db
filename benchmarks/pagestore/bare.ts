// A Node HTTP server without any logic: keeps each body as one object of the same store, and gives it back.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { FsStore } from '@graft-ts/storage-adapters/fs'
import { serveParent, settingsOfProcess } from './server-process.ts'

const { folder, isDurable, cacheBytesMax } = settingsOfProcess()
const store = await FsStore.open(folder, { fsync: isDurable, createDirectory: true })
const memory = new Map<string, Uint8Array>()
// About as long as the ref that ours answers with.
const WRITTEN = new Uint8Array(150)

async function bodyOf(incoming: IncomingMessage): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of incoming) chunks.push(chunk as Uint8Array)
  return Buffer.concat(chunks)
}

async function answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const body = await bodyOf(incoming)
  const key = (incoming.url as string).slice(1)
  if (incoming.headers['x-side'] === 'write') {
    await store.create(key, body)
    outgoing.end(WRITTEN)
    return
  }
  const kept = memory.get(key)
  const found = kept ?? (await store.get(key))?.bytes
  if (kept === undefined && found !== undefined && cacheBytesMax > 0) memory.set(key, found)
  if (found === undefined) outgoing.statusCode = 404
  outgoing.end(found)
}

const server = createServer((incoming, outgoing) => {
  answer(incoming, outgoing).catch((error: unknown) => outgoing.destroy(error as Error))
})
server.listen(0, '127.0.0.1', () => {
  serveParent((server.address() as AddressInfo).port, async () => {
    server.closeAllConnections()
    server.close()
    await store.close()
  })
})
