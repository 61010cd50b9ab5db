import { inspect } from 'node:util'
import { type Authorize, hmacRefSigner } from '@graft-ts/protocol'
import { idToBytes } from '@graft-ts/volume'
import { expect, test } from 'vitest'
import type { MetastoreEvent } from '../src/index.ts'
import { settle } from './clock.ts'
import { type Faults, faulty } from './faulty-store.ts'
import { commitOf, newVolume, openHarness, refOf, START_MS } from './harness.ts'
import { watch } from './watch/harness.ts'

const TOKEN = 'Bearer hunter2-token'
const PAGE_BYTE = 0xa7
const HEADERS = { headers: { authorization: TOKEN, 'x-secret': 'hunter2-header' } }

const byToken: Authorize = async ({ headers, action }) => {
  if (headers.get('authorization') !== TOKEN) throw Object.assign(new Error('no'), { kind: 'denied', code: 'ACCESS_DENIED' })
  if (action === 'admin') throw new Error('never asked')
  return { id: 'alice', expiresAtMs: START_MS + 3_600_000 }
}

/** Every way in which something is told to the log, with secrets in all places that a caller can put them. */
async function everything(): Promise<{ events: MetastoreEvent[]; signature: Uint8Array }> {
  const faults: Faults = { get: undefined, create: undefined }
  const refs = hmacRefSigner({ keys: [{ id: 'k', secret: new Uint8Array(32).fill(1) }], nowMs: () => START_MS })
  const harness = openHarness({ wrap: (inner) => faulty(inner, faults), authorize: byToken, refs })
  const { client, events } = harness
  const volumeId = newVolume()
  const signed = await refs.sign(refOf([1, 2]), { volumeId, principal: 'alice' })
  const request = { volumeId: idToBytes(volumeId) }
  const commit = (base: number, spec: Parameters<typeof commitOf>[2]) => {
    const message = commitOf(volumeId, base, spec)
    message.inline?.data.fill(PAGE_BYTE)
    return client.commit(message, HEADERS)
  }
  await commit(0, { pages: [1, 2], pageCount: 2, refs: [signed] })
  await commit(0, { pages: [1], pageCount: 2 })
  await client.pull(request, HEADERS)
  await client.getSnapshot(request, HEADERS)
  for await (const _ of client.history({ ...request, from: 1n }, HEADERS)) continue
  const refused = [
    () => commit(1, { pages: [1, 2], own: [1, 2, 3], pageCount: 3 }),
    () => commit(1, { pages: [1], refs: [{ ...signed, issuedAtMs: 5n }] }),
    () => client.pull(request, { headers: { authorization: 'Bearer hunter2-forged' } }),
    () => client.pull({ volumeId: Uint8Array.of(1) }, HEADERS),
  ]
  for (const call of refused) await expect(call()).rejects.toBeInstanceOf(Error)
  const watching = await watch(harness, [[volumeId, 0]], HEADERS.headers)
  faults.get = () => Promise.reject(new TypeError('store is gone'))
  await expect(client.pull(request, HEADERS)).rejects.toBeInstanceOf(Error)
  await harness.clock.pass(60_000)
  await watching.leave()
  const turnedAway = harness.other({
    log: (event) => void events.push(event),
    admit: () => {
      throw Object.assign(new Error('slow down'), { kind: 'exhausted', code: 'RATE_LIMITED' })
    },
  })
  const headers = { ...HEADERS.headers, 'content-type': 'application/proto' }
  await turnedAway.metastore.handler(new Request('http://graft.test/graft.v1.MetaService/Pull', { method: 'POST', headers }))
  await settle()
  return { events, signature: signed.signature }
}

test('no token, header, signature or page content is in any event', async () => {
  const { events, signature } = await everything()
  expect(new Set(events.map(({ type }) => type))).toEqual(
    new Set<MetastoreEvent['type']>([
      'commit-accepted',
      'commit-conflicted',
      'read-answered',
      'watch-opened',
      'watch-ended',
      'probe-failed',
      'request-failed',
      'request-refused',
    ]),
  )
  const told = inspect(events, { depth: Number.POSITIVE_INFINITY, showHidden: true, maxArrayLength: null, maxStringLength: null })
  expect(told).not.toContain('hunter2')
  expect(told).not.toContain([PAGE_BYTE, PAGE_BYTE, PAGE_BYTE].join(', '))
  expect(told).not.toContain([...signature.subarray(0, 3)].join(', '))
  expect(told).not.toContain(Buffer.from(signature).toString('hex').slice(0, 12))
})

test('the events tell who did what to which volume, and what came of it', async () => {
  const { events } = await everything()
  const volumeId = events.find((event) => event.type === 'commit-accepted')?.volumeId
  const told = events.map((event) => {
    if (event.type === 'read-answered') return `${event.principal} ${event.method} ${event.volumeId === volumeId} ${event.lsn}`
    if (event.type === 'request-failed') return `${event.principal} ${event.method} ${event.code}`
    if (event.type === 'commit-accepted') return `${event.principal} committed ${event.lsn}`
    if (event.type === 'commit-conflicted') return `${event.principal} lost on ${event.baseLsn}`
    if (event.type === 'watch-opened') return `${event.principal} watches ${event.volumeIds.includes(volumeId as never)}`
    return `${event.type} ${event.code}`
  })
  expect(told.filter((line, i) => line !== told[i - 1])).toEqual([
    'alice committed 1',
    'alice lost on 0',
    'alice pull true 1',
    'alice getSnapshot true 1',
    'alice history true 1',
    'alice commit COMMIT_PAGE_WITHOUT_CONTENT',
    'alice commit REFS_EXPIRED',
    'undefined pull ACCESS_DENIED',
    'undefined pull MESSAGE_INVALID',
    'alice watches true',
    'alice pull UNTYPED',
    'probe-failed UNTYPED',
    'watch-ended REQUEST_ABORTED',
    'request-refused RATE_LIMITED',
  ])
})
