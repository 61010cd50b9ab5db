import { Client } from '@graft-ts/client'
import { httpTransport } from '@graft-ts/protocol'
import { MemoryLevel } from 'memory-level'
import { localServer } from './local-server.ts'

const client = await Client.open({
  transport: httpTransport(localServer()), // { baseUrl: 'https://…', token: async () => … }
  store: new MemoryLevel<string, Uint8Array>({ valueEncoding: 'view' }), // ClassicLevel in Node, BrowserLevel in browsers
})
const volume = await client.createVolume()

// Local first: this needs no server, survives a crash, and may run again when others change what it stands on.
await volume.transact(async (tx) => {
  const page = await tx.read(1)
  page[0] = (page[0] as number) + 1
  tx.write(1, page)
})
const before = volume.snapshot()
const pushed = await volume.push()
console.log(before.pendingCommits, pushed.type, volume.status().base.lsn, (await before.read(1))[0])
await client.close()
