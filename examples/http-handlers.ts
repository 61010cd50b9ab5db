// The two stores are functions from Request to Response. Whatever runs such functions can serve them: Node, Bun, Deno,
// Workers, Hono. Here they are called without a socket in between, as a test would.
import { Client } from '@graft-ts/client'
import { createCommitLogs } from '@graft-ts/commit-log'
import { createMetastore } from '@graft-ts/metastore'
import { createPagestore } from '@graft-ts/pagestore'
import { type Authorize, hmacRefSigner, httpTransport, RemoteError } from '@graft-ts/protocol'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import { MemoryLevel } from 'memory-level'

// Who may do what is one function. It is asked before anything tells whether a volume exists.
const authorize: Authorize = async ({ headers, action }) => {
  const token = headers.get('authorization')
  if (token === 'Bearer writer' || (token === 'Bearer reader' && action === 'read')) return { id: token }
  throw new RemoteError('denied', 'DENIED', 'not allowed')
}

const store = new MemoryStore()
const nowMs = () => Date.now()
const shared = {
  logs: createCommitLogs({ store, nowMs }),
  authorize,
  refs: hmacRefSigner({ nowMs, keys: [{ id: 'k1', secret: crypto.getRandomValues(new Uint8Array(32)) }] }),
}
const metastore = createMetastore(shared)
const pagestore = createPagestore({ ...shared, segments: store, commits: store })

/** What a server would be given. */
async function handle(request: Request): Promise<Response> {
  const isMeta = new URL(request.url).pathname.startsWith('/graft.v1.MetaService/')
  return isMeta ? metastore.handler(request) : pagestore.handler(request)
}

const openClient = (token: string) =>
  Client.open({
    transport: httpTransport({
      baseUrl: 'https://graft.example',
      token: async () => token,
      fetch: (input, init) => handle(new Request(input, init)),
    }),
    store: new MemoryLevel<string, Uint8Array>({ keyEncoding: 'utf8', valueEncoding: 'view' }),
  })

const writer = await openClient('writer')
const volume = await writer.createVolume()
await volume.transact((tx) => {
  for (let pageIndex = 1; pageIndex <= 100; pageIndex++) tx.write(pageIndex, new Uint8Array(4096).fill(pageIndex))
})
await volume.push()

const reader = await openClient('reader')
const copy = await reader.openVolume(volume.volumeId)
const snapshot = copy.snapshot()
console.log('page 42 holds', (await snapshot.read(42))[0])

await copy.transact((tx) => tx.write(42, new Uint8Array(4096)))
const refused = await copy.push().catch((error: RemoteError) => error)
console.log('a reader that pushes:', refused instanceof RemoteError ? `${refused.kind} ${refused.code}` : refused.type)
console.log('its commit is kept:', copy.status().pendingCommits)

snapshot.close()
await reader.close()
await writer.close()
await pagestore.close()
await metastore.close()
