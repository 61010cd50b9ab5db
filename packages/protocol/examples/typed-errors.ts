import { createClient } from '@connectrpc/connect'
import { httpTransport, MetaService, RemoteError, snapshotFromWire, snapshotToWire, toFetchHandler } from '@graft-ts/protocol'
import { newVolumeId, PAGE_SIZE_DEFAULT, parseLsn, systemIdSource, VolumeError } from '@graft-ts/volume'

// A service that knows one snapshot, as a `Request -> Response` function.
const volumeId = newVolumeId(systemIdSource)
const snapshot = { volumeId, lsn: parseLsn(7), pageCount: 3, pageSize: PAGE_SIZE_DEFAULT, timestampMs: 0 }
const handler = toFetchHandler(
  (router) =>
    router.service(MetaService, {
      getSnapshot(request) {
        if (request.lsn > 7n) throw new VolumeError('LSN_RANGE', `no such commit, lsn=${request.lsn}`)
        return snapshotToWire(snapshot)
      },
    }),
  { requestBytesMax: 2 ** 20 },
)

// Its client. In production `fetch` is the runtime's own.
const transport = httpTransport({ baseUrl: 'http://graft.example', fetch: (input, init) => handler(new Request(input, init)) })
const meta = createClient(MetaService, transport.meta)
console.log(snapshotFromWire(await meta.getSnapshot({ lsn: 7n })).lsn)
try {
  await meta.getSnapshot({ lsn: 8n })
} catch (error) {
  if (error instanceof RemoteError) console.log(error.kind, error.code)
}
