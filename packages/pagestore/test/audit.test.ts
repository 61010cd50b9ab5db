import { inspect } from 'node:util'
import { type Authorize, hmacRefSigner } from '@graft-ts/protocol'
import { Splinter } from '@graft-ts/splinter'
import { idToBytes } from '@graft-ts/volume'
import { expect, test } from 'vitest'
import { openHarness, outcomeOf } from './harness.ts'

const TOKEN = 'Bearer hunter2-token'
const PAGE_BYTE = 0xa7
const SECRET = new Uint8Array(32).fill(0x5c)
const HEADERS = { headers: { authorization: TOKEN, 'x-secret': 'hunter2-header' } }

class Refusal extends Error {
  readonly kind: string
  readonly code: string

  constructor(kind: string, code: string) {
    super('no')
    this.kind = kind
    this.code = code
  }
}

const byToken: Authorize = async ({ headers }) => {
  if (headers.get('authorization') !== TOKEN) throw new Refusal('denied', 'ACCESS_DENIED')
  return { id: 'alice' }
}

/** Every way in which a call is told to the log, with secrets in all places that a caller can put them. */
async function everything() {
  const refs = hmacRefSigner({ keys: [{ id: 'k', secret: SECRET }], nowMs: () => 1 })
  const harness = openHarness({
    authorize: byToken,
    refs,
    admit: ({ headers }) => {
      if (headers.get('x-secret') === null) throw new Refusal('exhausted', 'RATE_LIMITED')
    },
  })
  const { client, events, pagestore } = harness
  const volumeId = harness.newVolume()
  const pages = Splinter.from([1, 2]).toBytes()
  const data = new Uint8Array(1024).fill(PAGE_BYTE)
  const write = { volumeId: idToBytes(volumeId), pageSize: 512, pages, data }
  const answer = await client.writePages(write, HEADERS)
  const signature = answer.refs[0]?.signature as Uint8Array
  const lsn = await harness.commit(volumeId, { base: 0, pageCount: 2, inline: new Map([[1, data.slice(0, 512)]]) })
  const readPages = async (at: bigint, headers: HeadersInit) => {
    const request = { volumeId: idToBytes(volumeId), lsn: at, wanted: pages }
    for await (const _ of client.readPages(request, { headers }));
  }
  await readPages(BigInt(lsn), HEADERS.headers)
  await outcomeOf(readPages(99n, HEADERS.headers))
  await outcomeOf(readPages(BigInt(lsn), { authorization: 'Bearer hunter2-forged' }))
  await outcomeOf(client.writePages({ ...write, data: data.subarray(1) }, HEADERS))
  await outcomeOf(client.writePages({ volumeId: Uint8Array.of(1) }, HEADERS))
  const headers = { authorization: TOKEN, 'content-type': 'application/proto' }
  await pagestore.handler(new Request('http://graft.test/graft.v1.PageService/WritePages', { method: 'POST', headers }))
  return { events, volumeId, signature }
}

test('who did what to which volume, and what came of it', async () => {
  const { events, volumeId } = await everything()
  const common = { volumeId, principal: 'alice' }
  expect(events.filter(({ type }) => type !== 'segment-written')).toMatchObject([
    { type: 'pages-written', ...common, segmentId: expect.any(String), pages: 2, pageBytes: 1024 },
    { type: 'pages-read', ...common, lsn: 1, pages: 2 },
    { type: 'request-failed', method: 'readPages', ...common, kind: 'missing', code: 'LSN_FUTURE' },
    { type: 'request-failed', method: 'readPages', volumeId, principal: undefined, kind: 'denied', code: 'ACCESS_DENIED' },
    { type: 'request-failed', method: 'writePages', ...common, kind: 'invalid', code: 'DATA_LENGTH' },
    { type: 'request-failed', method: 'writePages', volumeId: undefined, principal: undefined, code: 'ID_INVALID' },
    { type: 'request-refused', method: 'WritePages', kind: 'exhausted', code: 'RATE_LIMITED' },
  ])
})

test('no page contents, tokens, headers, keys or signatures, in whatever form they are printed', async () => {
  const { events, signature } = await everything()
  const printed = `${JSON.stringify(events)} ${inspect(events, { depth: 20, maxArrayLength: null })}`
  const secrets = [
    'hunter2',
    ...[signature, SECRET, new Uint8Array(4).fill(PAGE_BYTE)].flatMap((bytes) => [
      Buffer.from(bytes).toString('base64'),
      Buffer.from(bytes).toString('hex'),
      [...bytes].join(','),
      [...bytes].join(', '),
    ]),
  ]
  for (const secret of secrets) expect(printed).not.toContain(secret)
  const holdsBytes = (value: unknown): boolean =>
    ArrayBuffer.isView(value) || (typeof value === 'object' && value !== null && Object.values(value).some(holdsBytes))
  expect(events.filter(holdsBytes)).toEqual([])
})
