import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FsStore } from '@graft-ts/storage-adapters/fs'

const folder = await mkdtemp(join(tmpdir(), 'fs-store-'))
const store = await FsStore.open(join(folder, 'data'), { createDirectory: true })
const { etag } = await store.create('config/limits', new TextEncoder().encode('{"rows":10}'))
await store.compareAndSwap('config/limits', new TextEncoder().encode('{"rows":20}'), { etag })
console.log(new TextDecoder().decode((await store.get('config/limits', { range: { offset: 8, length: 2 } }))?.bytes))
await store.close()
await rm(folder, { recursive: true })
