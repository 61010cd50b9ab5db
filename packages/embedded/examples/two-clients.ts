import { Client } from '@graft-ts/client'
import { embedded } from '@graft-ts/embedded'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import { MemoryLevel } from 'memory-level'

const transport = embedded(new MemoryStore())
const openClient = () => Client.open({ transport, store: new MemoryLevel<string, Uint8Array>({ valueEncoding: 'view' }) })

const laptop = await openClient()
const notes = await laptop.createVolume()
await notes.transact((tx) => tx.write(1, new Uint8Array(tx.pageSize).fill(7)))
await notes.push()

const phone = await openClient()
const copy = await phone.openVolume(notes.volumeId)
const snapshot = copy.snapshot()
console.log(snapshot.pageCount, (await snapshot.read(1))[0], copy.status().sync)
