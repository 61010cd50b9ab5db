import { create, toBinary } from '@bufbuild/protobuf'
import { Client } from '@graft-ts/client'
import {
  CommitRequestSchema,
  HistoryRequestSchema,
  httpTransport,
  MetaService,
  PageService,
  PullRequestSchema,
  ReadPagesRequestSchema,
  SnapshotRequestSchema,
  WritePagesRequestSchema,
} from '@graft-ts/protocol'
import { type Grant, jwtAuthorize, newSigningKey, type SigningKey, signToken } from '@graft-ts/protocol/jwt'
import { Splinter } from '@graft-ts/splinter'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import {
  idToBytes,
  newClientId,
  newCommitId,
  newVolumeId,
  systemIdSource,
  systemTimers,
  type Timers,
  type VolumeId,
} from '@graft-ts/volume'
import { MemoryLevel } from 'memory-level'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type GraftServer, startServer } from '../src/index.ts'
import { ManualTimers } from './http/controlled.ts'

const ISSUER = 'https://issuer.example'
const AUDIENCE = 'https://graft.example'
const START_MS = 1_900_000_000_000
const HOUR_MS = 3_600_000
const DENIED = { kind: 'denied', code: 'ACCESS_DENIED', message: 'not allowed' }
const ALL: Grant['actions'] = ['read', 'write', 'create']

let key: SigningKey
const closing: (() => Promise<void>)[] = []

beforeAll(async () => {
  key = await newSigningKey()
})

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

interface Deployment {
  readonly server: GraftServer
  readonly store: MemoryStore
  readonly clock: { nowMs: number }
  /** Everything that the server reported, errors with their causes and stacks. */
  readonly events: unknown[]
  readonly token: (volumes: Grant['volumes'], actions?: Grant['actions'], subject?: string) => Promise<string>
  readonly openClient: (token: () => Promise<string>) => Promise<Client>
}

async function deploy(timers: Timers = systemTimers): Promise<Deployment> {
  const store = new MemoryStore()
  const clock = { nowMs: START_MS }
  const nowMs = (): number => clock.nowMs
  const events: unknown[] = []
  const authorize = jwtAuthorize({
    audience: AUDIENCE,
    issuers: [{ issuer: ISSUER, keys: [key.publicKey] }],
    nowMs,
    log: (event) => void events.push(event),
  })
  const log = (event: unknown) => void events.push(event)
  const server = await startServer({ stores: { segments: store, commits: store }, port: 0, authorize, nowMs, timers, log })
  closing.push(server.close)
  return {
    server,
    store,
    clock,
    events,
    token(volumes, actions = ALL, subject = 'user-1') {
      const contents = { issuer: ISSUER, audience: AUDIENCE, subject, grants: [{ actions, volumes }], lifetimeMs: HOUR_MS }
      return signToken(key.privateKey, contents, { nowMs })
    },
    async openClient(token) {
      const local = new MemoryLevel<string, Uint8Array>({ keyEncoding: 'utf8', valueEncoding: 'view' })
      const transport = httpTransport({ baseUrl: server.url, token })
      const client = await Client.open({ transport, store: local, attemptsMax: 1 })
      closing.push(() => client.close())
      return client
    },
  }
}

const newVolume = (): VolumeId => newVolumeId(systemIdSource)
const page = (value: number): Uint8Array => new Uint8Array(4096).fill(value)

async function commit(client: Client, volumeId: VolumeId, pageCount: number, value: number) {
  const volume = await client.createVolume({ volumeId })
  await volume.transact((tx) => {
    for (let pageIndex = 1; pageIndex <= pageCount; pageIndex++) tx.write(pageIndex, page(value))
  })
  await volume.push()
  return volume
}

async function keysIn(store: MemoryStore): Promise<string[]> {
  return (await store.list({ prefix: '' })).entries.map((entry) => entry.key)
}

describe('a token that only reads', () => {
  test('reads, and changes nothing', async () => {
    const { token, openClient, store } = await deploy()
    const volumeId = newVolume()
    await commit(await openClient(() => token([volumeId])), volumeId, 40, 7)
    const before = await keysIn(store)
    const reader = await openClient(() => token([volumeId], ['read'], 'reader'))
    const volume = await reader.openVolume(volumeId)
    const snapshot = volume.snapshot()
    expect((await snapshot.read(40))[0]).toBe(7)
    snapshot.close()
    await volume.transact((tx) => tx.write(1, page(8)))
    await expect(volume.push()).rejects.toMatchObject(DENIED)
    expect(await keysIn(store)).toEqual(before)
    // I12: it stays in the local store, for whoever gets the right to it.
    expect(volume.status().pendingCommits).toBe(1)
  })

  test('makes no volume', async () => {
    const { token, openClient, store } = await deploy()
    const volumeId = newVolume()
    for (const actions of [['read'], ['create'], ['write'], ['read', 'create']] as Grant['actions'][]) {
      const client = await openClient(() => token('*', actions))
      await expect(commit(client, volumeId, 1, 1)).rejects.toMatchObject(DENIED)
    }
    expect(await keysIn(store)).toEqual([])
  })
})

describe('a watch', () => {
  const watch = async ({ server }: Deployment, token: string, ids: VolumeId[]) => {
    const { meta } = httpTransport({ baseUrl: server.url, token: async () => token })
    async function* request() {
      yield { volumes: ids.map((id) => ({ volumeId: idToBytes(id) })) }
    }
    const { message } = await meta.stream(MetaService.method.watch, undefined, undefined, undefined, request())
    return message[Symbol.asyncIterator]()
  }

  test('of a volume that may not be read tells nothing of any, whether they exist or not', async () => {
    const deployment = await deploy()
    const { token, openClient } = deployment
    const [known, own] = [newVolume(), newVolume()]
    await commit(await openClient(() => token([known])), known, 1, 1)
    const foreign = await token([own])
    for (const ids of [[known], [newVolume()], [own, known], [own, newVolume()]]) {
      const events = await watch(deployment, foreign, ids)
      await expect(events.next()).rejects.toMatchObject(DENIED)
    }
  })

  test('ends when its token does', async () => {
    const timers = new ManualTimers()
    const deployment = await deploy(timers)
    const { token, openClient, clock } = deployment
    const volumeId = newVolume()
    await commit(await openClient(() => token([volumeId])), volumeId, 1, 1)
    const events = await watch(deployment, await token([volumeId]), [volumeId])
    expect((await events.next()).done).toBe(false)
    clock.nowMs += HOUR_MS + 30_000
    const ended = (async () => {
      while ((await events.next()).done !== true);
    })()
    ended.catch(() => undefined)
    timers.fire(HOUR_MS + 30_000)
    await expect(ended).rejects.toMatchObject({ code: 'WATCH_EXPIRED' })
  })
})

test('a token that only writes learns what changed, and not what is in it', async () => {
  const { token, openClient } = await deploy()
  const volumeId = newVolume()
  await commit(await openClient(() => token([volumeId])), volumeId, 40, 7)
  const writer = await openClient(() => token([volumeId], ['write'], 'writer'))
  const volume = await writer.openVolume(volumeId)
  expect(volume.status().base).toMatchObject({ lsn: 1, pageCount: 40 })
  const snapshot = volume.snapshot()
  await expect(snapshot.read(1)).rejects.toMatchObject(DENIED)
  snapshot.close()
  await volume.transact((tx) => tx.write(41, page(8)))
  expect((await volume.push()).snapshot.lsn).toBe(2)
})

/** Every call that there is, as bytes, for a volume. */
function everyCall(id: VolumeId): [path: string, body: Uint8Array, isStream: boolean][] {
  const volumeId = idToBytes(id)
  const own = Splinter.from([1]).toBytes()
  const attempt = {
    volumeId,
    commitId: idToBytes(newCommitId(systemIdSource)),
    clientId: idToBytes(newClientId(systemIdSource)),
    pageSize: 4096,
    pageCount: 1,
    own,
    inline: { pages: own, data: page(1) },
  }
  const reading = create(ReadPagesRequestSchema, { volumeId, lsn: 1n, wanted: own })
  const writing = create(WritePagesRequestSchema, { volumeId, pageSize: 4096, pages: own, data: page(1) })
  return [
    ['MetaService/Pull', toBinary(PullRequestSchema, create(PullRequestSchema, { volumeId })), false],
    ['MetaService/Pull', toBinary(PullRequestSchema, create(PullRequestSchema, { volumeId, since: 1n, atLeast: 1n })), false],
    ['MetaService/GetSnapshot', toBinary(SnapshotRequestSchema, create(SnapshotRequestSchema, { volumeId, lsn: 1n })), false],
    ['MetaService/History', toBinary(HistoryRequestSchema, create(HistoryRequestSchema, { volumeId, from: 1n })), true],
    ['MetaService/Commit', toBinary(CommitRequestSchema, create(CommitRequestSchema, { ...attempt, baseLsn: 0n })), false],
    ['MetaService/Commit', toBinary(CommitRequestSchema, create(CommitRequestSchema, { ...attempt, baseLsn: 1n })), false],
    ['PageService/ReadPages', toBinary(ReadPagesRequestSchema, reading), true],
    ['PageService/WritePages', toBinary(WritePagesRequestSchema, writing), false],
  ]
}

/** A message of a stream: no flags, its length, its bytes. */
function enveloped(body: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(5 + body.length)
  new DataView(bytes.buffer).setUint32(1, body.length, false)
  bytes.set(body, 5)
  return bytes
}

/** All that comes back, but for the time. */
async function answersTo({ server }: Deployment, volumeId: VolumeId, authorization: string | undefined) {
  const answers = []
  for (const [path, body, isStream] of everyCall(volumeId)) {
    const response = await fetch(`${server.url}/graft.v1.${path}`, {
      method: 'POST',
      headers: {
        'content-type': isStream ? 'application/connect+proto' : 'application/proto',
        ...(authorization !== undefined && { authorization }),
      },
      body: isStream ? enveloped(body) : Uint8Array.from(body),
    })
    const headers = Object.fromEntries([...response.headers].filter(([name]) => name !== 'date'))
    answers.push({ path, status: response.status, headers, body: await response.text() })
  }
  return answers
}

describe('who may not, learns nothing', () => {
  test('all calls answer the same, byte by byte, whether the volume exists or not, and whatever is wrong', async () => {
    const deployment = await deploy()
    const { token, openClient, store } = deployment
    const [known, unknown, own] = [newVolume(), newVolume(), newVolume()]
    await commit(await openClient(() => token([known])), known, 40, 7)
    const before = await keysIn(store)
    const other = `Bearer ${await token([own])}`
    const reference = await answersTo(deployment, unknown, other)
    expect(reference.map(({ status }) => status)).toEqual([403, 403, 403, 200, 403, 403, 200, 403])
    for (const { body } of reference) expect(body).toContain('not allowed')
    const forged = `${other.slice(0, -6)}AAAAAA`
    for (const authorization of [other, undefined, forged, 'Bearer x', 'Basic x', `Bearer ${await token('*', ['admin'])}`]) {
      expect(await answersTo(deployment, known, authorization)).toEqual(reference)
      expect(await answersTo(deployment, unknown, authorization)).toEqual(reference)
    }
    deployment.clock.nowMs += 2 * HOUR_MS
    expect(await answersTo(deployment, known, other)).toEqual(reference)
    expect(await keysIn(store)).toEqual(before)
  })

  test('a token of 1 MB does not get as far, and the server goes on', async () => {
    const { server, token, openClient } = await deploy()
    const headers = { authorization: `Bearer ${'a'.repeat(2 ** 20)}` }
    const outcome = await fetch(`${server.url}/graft.v1.MetaService/Pull`, { method: 'POST', headers }).then(
      ({ status }) => status,
      () => 'cut off',
    )
    expect([431, 'cut off']).toContain(outcome)
    const volumeId = newVolume()
    await commit(await openClient(() => token([volumeId])), volumeId, 1, 1)
  })
})

describe('a long session', () => {
  test('goes on with renewed tokens, hour after hour', async () => {
    const { token, openClient, clock } = await deploy()
    const volumeId = newVolume()
    let current = await token([volumeId])
    let renewals = 0
    const session = async (): Promise<string> => {
      // As an application does it: ahead of time.
      if (clock.nowMs >= START_MS + (renewals + 1) * (HOUR_MS - 60_000)) {
        current = await token([volumeId])
        renewals++
      }
      return current
    }
    const volume = await commit(await openClient(session), volumeId, 40, 1)
    for (let hour = 1; hour <= 5; hour++) {
      clock.nowMs = START_MS + hour * HOUR_MS
      await volume.transact((tx) => tx.write(1, page(hour)))
      expect((await volume.push()).snapshot.lsn).toBe(hour + 1)
    }
    expect(renewals).toBe(5)
  })

  test('I12: a push with a token that is over is refused and kept; with a new one it goes through', async () => {
    const { token, openClient, clock } = await deploy()
    const volumeId = newVolume()
    let current = await token([volumeId])
    const client = await openClient(async () => current)
    const volume = await commit(client, volumeId, 40, 1)
    clock.nowMs += 2 * HOUR_MS
    await volume.transact((tx) => {
      for (let pageIndex = 1; pageIndex <= 40; pageIndex++) tx.write(pageIndex, page(2))
    })
    await expect(volume.push()).rejects.toMatchObject(DENIED)
    await expect(volume.pull()).rejects.toMatchObject(DENIED)
    expect(volume.status().pendingCommits).toBe(1)
    current = await token([volumeId])
    expect((await volume.push()).snapshot.lsn).toBe(2)
  })

  test('pages that were uploaded with one token are committed with the next, of the same caller only', async () => {
    const { token, clock, server } = await deploy()
    const volumeId = newVolume()
    const first = await token([volumeId])
    clock.nowMs += 1000
    const [next, foreign] = [await token([volumeId]), await token([volumeId], ALL, 'user-2')]
    expect(next).not.toBe(first)
    const transport = (given: string) => httpTransport({ baseUrl: server.url, token: async () => given })
    const names = { volumeId: idToBytes(volumeId), pageSize: 4096 }
    const pages = Splinter.from([1]).toBytes()
    const write = PageService.method.writePages
    const upload = { ...names, pages, data: page(1) }
    const { message } = await transport(first).pages.unary(write, undefined, undefined, undefined, upload)
    const attempt = {
      ...names,
      commitId: idToBytes(newCommitId(systemIdSource)),
      clientId: idToBytes(newClientId(systemIdSource)),
      pageCount: 1,
      own: pages,
      refs: message.refs,
    }
    const commitWith = (given: string) =>
      transport(given).meta.unary(MetaService.method.commit, undefined, undefined, undefined, attempt)
    await expect(commitWith(foreign)).rejects.toMatchObject({ kind: 'missing', code: 'REFS_EXPIRED' })
    expect((await commitWith(next)).message.outcome.case).toBe('committed')
  })
})

test('no token, key or page appears in what the server reports or tells', async () => {
  const { token, openClient, events, server, clock, store } = await deploy()
  const volumeId = newVolume()
  const good = await token([volumeId])
  const pattern = new TextEncoder().encode('page-contents-that-nobody-may-see')
  const volume = await (await openClient(async () => good)).createVolume({ volumeId })
  await volume.transact((tx) => {
    const bytes = page(0)
    bytes.set(pattern)
    for (let pageIndex = 1; pageIndex <= 40; pageIndex++) tx.write(pageIndex, bytes)
  })
  await volume.push()
  const told: unknown[] = []
  const failing = async (given: string) => {
    const client = await openClient(async () => given)
    await client.openVolume(volumeId).catch((error: unknown) => told.push(flat(error)))
    await commit(client, newVolume(), 40, 1).catch((error: unknown) => told.push(flat(error)))
  }
  await failing(await token([newVolume()]))
  await failing(`${good}x`)
  await failing('secret-text')
  store.create = () => Promise.reject(new Error('the store is broken'))
  await volume.transact((tx) => tx.write(1, page(1)))
  await volume.push().catch((error: unknown) => told.push(flat(error)))
  clock.nowMs += 2 * HOUR_MS
  await failing(good)
  await server.close()
  expect(told.length).toBeGreaterThan(6)
  const text = JSON.stringify([events.map(flat), told])
  for (const type of [
    'listening',
    'request',
    'request-failed',
    'access-denied',
    'segment-written',
    'commit-accepted',
    'stopped',
  ]) {
    expect(text).toContain(`"${type}"`)
  }
  const { d, x, y } = key.privateKey as Record<string, string>
  const secrets = [...good.split('.'), 'secret-text', 'Bearer', d, x, y, 'page-contents', Buffer.from(pattern).toString('base64')]
  for (const secret of secrets) expect(text).not.toContain(secret)
})

/** A value with all that its errors hold, hidden properties, stacks and causes included. */
function flat(value: unknown, depth = 0): unknown {
  if (typeof value !== 'object' || value === null || depth > 8) return typeof value === 'bigint' ? `${value}` : value
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (value instanceof Map || value instanceof Set || value instanceof Headers)
    return [...value].map((one) => flat(one, depth + 1))
  return Object.getOwnPropertyNames(value).map((name) => [name, flat((value as Record<string, unknown>)[name], depth + 1)])
}
