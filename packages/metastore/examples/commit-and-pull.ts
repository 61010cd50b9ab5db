import { createClient } from '@connectrpc/connect'
import { createCommitLogs } from '@graft-ts/commit-log'
import { createMetastore } from '@graft-ts/metastore'
import {
  ageOnlyRefSigner,
  allowEverybody,
  commitAnswerFromWire,
  commitProposalToWire,
  inProcessTransport,
  MetaService,
  pullAnswerFromWire,
} from '@graft-ts/protocol'
import { Splinter } from '@graft-ts/splinter'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import { idToBytes, LSN_NONE, newClientId, newCommitId, newVolumeId, PAGE_SIZE_DEFAULT, systemIdSource } from '@graft-ts/volume'

const metastore = createMetastore({
  logs: createCommitLogs({ store: new MemoryStore() }),
  authorize: allowEverybody,
  refs: ageOnlyRefSigner({ nowMs: () => Date.now() }),
})
const client = createClient(MetaService, inProcessTransport({ meta: metastore.routes, pages: () => undefined }).meta)

const volumeId = newVolumeId(systemIdSource)
const own = Splinter.from([1, 2])
const proposal = {
  volumeId,
  baseLsn: LSN_NONE,
  commitId: newCommitId(systemIdSource),
  clientId: newClientId(systemIdSource),
  pageSize: PAGE_SIZE_DEFAULT,
  pageCount: 2,
  floor: undefined,
  own,
  refs: [],
  inline: { pages: own, data: new Uint8Array(2 * PAGE_SIZE_DEFAULT) },
}
// Sent twice, as after a lost reply: the second finds the commit of the first.
for (let i = 0; i < 2; i++) {
  const answer = commitAnswerFromWire(await client.commit(commitProposalToWire(proposal)))
  console.log(answer.type, answer.snapshot.lsn)
}
const { snapshot, changes } = pullAnswerFromWire(await client.pull({ volumeId: idToBytes(volumeId), since: 0n }))
console.log(snapshot.lsn, [...changes.pages])
await metastore.close()
