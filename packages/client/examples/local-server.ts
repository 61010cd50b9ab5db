import { createCommitLogs } from '@graft-ts/commit-log'
import { createMetastore } from '@graft-ts/metastore'
import { createPagestore } from '@graft-ts/pagestore'
import { ageOnlyRefSigner, allowEverybody, type HttpTransportOptions } from '@graft-ts/protocol'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'

/** A meta store and a page store in this process, and a `fetch` that reaches them: what a server is otherwise there for. */
export function localServer(): HttpTransportOptions {
  const store = new MemoryStore()
  const shared = { logs: createCommitLogs({ store }), authorize: allowEverybody, refs: ageOnlyRefSigner({ nowMs: Date.now }) }
  const metastore = createMetastore(shared)
  const pagestore = createPagestore({ ...shared, segments: store, commits: store })
  return {
    baseUrl: 'http://graft.local',
    fetch: (input, init) => {
      const request = new Request(input, init)
      return request.url.includes('/graft.v1.MetaService/') ? metastore.handler(request) : pagestore.handler(request)
    },
  }
}
