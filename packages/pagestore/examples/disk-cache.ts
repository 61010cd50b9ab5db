import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCommitLogs } from '@graft-ts/commit-log'
import { createPagestore } from '@graft-ts/pagestore'
import { openDiskFrameCache } from '@graft-ts/pagestore/node'
import { ageOnlyRefSigner, allowEverybody } from '@graft-ts/protocol'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'

// In earnest: a folder that is still there after a restart.
const directory = await mkdtemp(join(tmpdir(), 'frames-'))
const frameCache = await openDiskFrameCache({ directory, bytesMax: 2 ** 30, onFailure: (error) => console.error(error) })

const store = new MemoryStore()
const logs = createCommitLogs({ store })
const refSigner = ageOnlyRefSigner({ nowMs: () => Date.now() })
const stores = { logs, segments: store, commits: store }
const pagestore = createPagestore({ ...stores, authorize: allowEverybody, refs: refSigner, frameCache })
const { frameCacheHits, frameCacheBytesNow } = pagestore.metrics()
console.log(frameCacheHits, frameCacheBytesNow)

// The cache last: it is lent.
await pagestore.close()
await frameCache.close()
await rm(directory, { recursive: true })
