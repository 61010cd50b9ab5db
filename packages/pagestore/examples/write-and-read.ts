import { createClient } from '@connectrpc/connect'
import { createCommitLogs } from '@graft-ts/commit-log'
import { createPagestore } from '@graft-ts/pagestore'
import { ageOnlyRefSigner, allowEverybody, inProcessTransport, PageService, readPagesFromWire } from '@graft-ts/protocol'
import { Splinter } from '@graft-ts/splinter'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import {
  decodeSegmentRef,
  idToBytes,
  LSN_NONE,
  newClientId,
  newCommitId,
  newVolumeId,
  PAGE_SIZE_DEFAULT as pageSize,
  systemIdSource,
} from '@graft-ts/volume'

const store = new MemoryStore()
const logs = createCommitLogs({ store })
const refSigner = ageOnlyRefSigner({ nowMs: () => Date.now() })
const pagestore = createPagestore({ logs, segments: store, commits: store, authorize: allowEverybody, refs: refSigner })
const client = createClient(PageService, inProcessTransport({ meta: () => undefined, pages: pagestore.routes }).pages)

// Pages first: they are durable when the answer comes.
const volumeId = newVolumeId(systemIdSource)
const own = Splinter.from([1, 2, 70])
const data = new Uint8Array(own.size * pageSize).fill(7)
const written = await client.writePages({ volumeId: idToBytes(volumeId), pageSize, pages: own.toBytes(), data })

// Then the commit that makes them visible: a meta store's work.
const refs = written.refs.map(({ ref }) => decodeSegmentRef(ref))
const names = { commitId: newCommitId(systemIdSource), clientId: newClientId(systemIdSource) }
const attempt = { baseLsn: LSN_NONE, ...names, pageSize, pageCount: 70, floor: undefined, own, refs }
const { snapshot } = await logs.volume(volumeId).append(attempt)

const request = { volumeId: idToBytes(volumeId), lsn: BigInt(snapshot.lsn), wanted: Splinter.from([3, 70]).toBytes() }
for await (const group of client.readPages(request)) {
  for (const page of readPagesFromWire(group, pageSize)) console.log(page.pageIndex, page.writtenLsn, page.bytes?.[0])
}
await pagestore.close()
