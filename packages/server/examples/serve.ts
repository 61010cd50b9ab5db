import { Client } from '@graft-ts/client'
import { allowEverybody, httpTransport } from '@graft-ts/protocol'
import { startServer } from '@graft-ts/server'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import { MemoryLevel } from 'memory-level'

const store = new MemoryStore()
const server = await startServer({ stores: { segments: store, commits: store }, port: 0, authorize: allowEverybody })

const local = new MemoryLevel<string, Uint8Array>({ keyEncoding: 'utf8', valueEncoding: 'view' })
const client = await Client.open({ transport: httpTransport({ baseUrl: server.url }), store: local })
const volume = await client.createVolume()
await volume.transact((tx) => tx.write(1, new Uint8Array(4096).fill(42)))
const { snapshot } = await volume.push()
console.log('lsn', snapshot.lsn, 'pages', snapshot.pageCount)

await client.close()
await server.close()
