import { createCommitLogs } from '@graft-ts/commit-log'
import { Splinter } from '@graft-ts/splinter'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import { LSN_NONE, newClientId, newCommitId, newVolumeId, PAGE_SIZE_DEFAULT, systemIdSource } from '@graft-ts/volume'

const logs = createCommitLogs({ store: new MemoryStore() })
const log = logs.volume(newVolumeId(systemIdSource))
const pages = Splinter.from([1, 2])
const outcome = await log.append({
  baseLsn: LSN_NONE,
  commitId: newCommitId(systemIdSource),
  clientId: newClientId(systemIdSource),
  pageSize: PAGE_SIZE_DEFAULT,
  pageCount: 2,
  floor: undefined,
  own: pages,
  refs: [],
  inline: { pages, data: new Uint8Array(2 * PAGE_SIZE_DEFAULT) },
})
console.log(outcome.type, [...(await log.changes(LSN_NONE, outcome.snapshot.lsn)).pages])
