// Two clients share a volume over an object store in memory: no server, no network, no files.
import { Client } from '@graft-ts/client'
import { embedded } from '@graft-ts/embedded'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import { MemoryLevel } from 'memory-level'

const transport = embedded(new MemoryStore())
const openClient = () =>
  Client.open({ transport, store: new MemoryLevel<string, Uint8Array>({ keyEncoding: 'utf8', valueEncoding: 'view' }) })
const textOf = (page: Uint8Array) => new TextDecoder().decode(page).replace(/\0+$/, '')
const pageOf = (text: string) => {
  const page = new Uint8Array(4096)
  new TextEncoder().encodeInto(text, page)
  return page
}

// A writer commits locally, and pushes when it likes.
const writer = await openClient()
const volume = await writer.createVolume()
await volume.transact((tx) => {
  tx.write(1, pageOf('hello'))
  tx.write(70_000, pageOf('volumes are sparse'))
})
await volume.push()

// A reader learns that the volume exists, and fetches the one page that it reads.
const reader = await openClient()
const copy = await reader.openVolume(volume.volumeId)
const before = copy.snapshot()
console.log('read    ', textOf(await before.read(1)))

// The writer changes a page; the reader pulls, and is told which one.
await volume.transact(async (tx) => tx.write(1, pageOf(`${textOf(await tx.read(1))}, again`)))
await volume.push()
const { changes, snapshot } = await copy.pull()
console.log('changed ', [...changes.pages], 'at lsn', snapshot.lsn)

// A snapshot never moves. A new one shows the new state.
const after = copy.snapshot()
console.log('before  ', textOf(await before.read(1)))
console.log('after   ', textOf(await after.read(1)))

before.close()
after.close()
await reader.close()
await writer.close()
await transport.close()
