import { readFile } from 'node:fs/promises'
import { RemoteError } from '@graft-ts/protocol'
import type { Lsn, VolumeId } from '@graft-ts/volume'
import { MemoryLevel } from 'memory-level'
import { describe, expect, test } from 'vitest'
import { Client } from '../../src/index.ts'
import { decodePage, decodePageEntry, encodePage, encodePageEntry } from '../../src/local/page-entry.ts'
import {
  decodeLocalCommit,
  decodePushInfo,
  decodeStoreInfo,
  decodeUsageInfo,
  decodeVolumeInfo,
  encodeLocalCommit,
  encodePushInfo,
  encodeStoreInfo,
  encodeUsageInfo,
  encodeVolumeInfo,
} from '../../src/local/records.ts'
import {
  CrashableStore,
  expectExactUsage,
  openWorld,
  outcomeOf,
  page,
  pushedVolume,
  stampOf,
  type TestClient,
  write,
} from '../harness.ts'

/*
 * The bytes of format version 1. They were written once and stay: what reads them today has to read them for good.
 * `store.json` is a store with every kind of record, by key. `damaged.json` names what was done to it, and what comes of that.
 */
const FOLDER = new URL('../fixtures/local-store/v1/', import.meta.url)
type Records = Record<string, string>
const readJson = async (name: string): Promise<unknown> => JSON.parse(await readFile(new URL(name, FOLDER), 'utf8'))
const golden = async (): Promise<Records> => (await readJson('store.json')) as Records

interface Damage {
  readonly what: string
  readonly key: string
  /** `null`: the record is gone. */
  readonly value: string | null
  /** The call that notices. */
  readonly call: 'open' | 'openVolume' | 'read'
  readonly outcome: string
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** Makes a store that holds every kind of record, the same in every run. */
async function everything(): Promise<TestClient> {
  const world = openWorld()
  const ours = await world.open()
  const volume = await pushedVolume(ours.client, { 1: 1, 2: 2, 6: 6 })
  const theirs = await (await world.open()).client.openVolume(volume.volumeId)
  await write(theirs, { 2: 22, 3: 33 })
  await theirs.push()
  const held = volume.snapshot()
  await volume.pull()
  // A fetched page, one of zeros, and one that has ended and is kept for the snapshot.
  await volume.snapshot().readMany([2, 4])
  expect(stampOf(await held.read(2))).toBe(2)
  await volume.transact((tx) => {
    tx.setPageCount(4)
    tx.write(5, page(55))
  })
  world.fault = (method) => (method === 'Commit' ? 'lost-request' : undefined)
  expect(await outcomeOf(volume.push())).toBe('unknown OUTCOME_UNKNOWN')
  await volume.transact((tx) => void tx.write(7, page(77)), { isolation: 'snapshot' })
  await volume.idle()
  world.fault = () => undefined
  const gone = await pushedVolume((await world.open()).client, { 1: 1 })
  const copy = await ours.client.openVolume(gone.volumeId)
  await copy.snapshot().read(1)
  await copy.idle()
  ours.local.batchesLeft = 1
  expect(await outcomeOf(ours.client.forget(gone.volumeId))).toBe('unavailable LOCAL_STORE_FAILED')
  return ours
}

async function storeOf(records: Records): Promise<CrashableStore> {
  const level = new MemoryLevel<string, Uint8Array>({ keyEncoding: 'utf8', valueEncoding: 'view' })
  await level.batch(
    Object.entries(records).map(([key, value]) => ({
      type: 'put' as const,
      key,
      value: Uint8Array.from(Buffer.from(value, 'hex')),
    })),
  )
  return new CrashableStore(level)
}

const refuse = (): Promise<never> => Promise.reject(new RemoteError('unavailable', 'OFFLINE', 'there is no network'))
const offline = { unary: refuse, stream: refuse } as never
const openOn = (store: CrashableStore): Promise<Client> =>
  Client.open({ transport: { meta: offline, pages: offline }, store, memoryCacheBytesMax: 1, attemptsMax: 1 })

const kindOf = (key: string): string => (key.startsWith('v/') ? key.split('/')[2] : key.split('/')[0]) as string
const same = (bytes: Uint8Array): Uint8Array => bytes
const entry = (bytes: Uint8Array): Uint8Array => encodePageEntry(decodePageEntry(bytes))
/** Reads a record and writes it again, by kind. `info` is the store's in one place and a volume's in the other. */
const RECODE: Record<string, (bytes: Uint8Array, volumeId: VolumeId) => Uint8Array> = {
  info: (bytes, volumeId) =>
    volumeId === undefined
      ? encodeStoreInfo(decodeStoreInfo(bytes))
      : encodeVolumeInfo(decodeVolumeInfo(volumeId, bytes) as Parameters<typeof encodeVolumeInfo>[0]),
  push: (bytes, volumeId) => encodePushInfo(decodePushInfo(volumeId, bytes)),
  c: (bytes) => encodeLocalCommit(decodeLocalCommit(bytes)),
  l: (bytes) => encodePage(decodePage(bytes)),
  o: entry,
  i: entry,
  u: (bytes) => encodeUsageInfo(decodeUsageInfo(bytes)),
  dirty: same,
  f: same,
}

const volumeOf = (records: Records): VolumeId =>
  (Object.keys(records).find((key) => key.endsWith('/push')) as string).split('/')[1] as VolumeId

describe('the local store, version 1', () => {
  test('has all kinds of records in its fixture', async () => {
    const written = (await (await everything()).local.entryList()).map(([key]) => kindOf(key))
    expect([...new Set(Object.keys(await golden()).map(kindOf))].sort()).toEqual([...new Set(written)].sort())
    expect([...new Set(written)].sort()).toEqual(Object.keys(RECODE).sort())
  })

  test('is written as it was: what is read of a record gives the same bytes again', async () => {
    for (const [key, value] of Object.entries(await golden())) {
      const bytes = Uint8Array.from(Buffer.from(value, 'hex'))
      const recode = RECODE[kindOf(key)] as (typeof RECODE)[string]
      expect({ key, value: hex(recode(bytes, key.split('/')[1] as VolumeId)) }).toEqual({ key, value })
    }
  })

  test('is read for what it holds: what is there, what is pending, and what is under way', async () => {
    const records = await golden()
    const store = await storeOf(records)
    const client = await openOn(store)
    const volumeId = volumeOf(records)
    expect(await client.volumes()).toEqual([volumeId])
    const volume = await client.openVolume(volumeId)
    expect(volume.status()).toMatchObject({
      sync: 'ahead',
      pageSize: 512,
      base: { lsn: 2, pageCount: 6 },
      pageCount: 7,
      pendingCommits: 2,
      attempt: { baseLsn: 2, isRefused: false },
      divergence: undefined,
    })
    const snapshot = volume.snapshot()
    const read = await Promise.all([1, 2, 4, 5, 6, 7].map(async (pageIndex) => stampOf(await snapshot.read(pageIndex))))
    expect(read).toEqual([1, 22, 0, 55, 0, 77])
    expect(await outcomeOf(snapshot.read(3))).toBe('unavailable OFFLINE')
    await volume.idle()
    // What was kept for snapshots of another process is gone, and so is the volume that was being forgotten.
    const left = await store.keyList()
    expect(left.filter((key) => /\/i\/|dirty|^f\//.test(key))).toEqual([])
    await client.close()
    await expectExactUsage(store, client)
    expect(await volume.snapshotAt(1 as Lsn).catch((error: { code: string }) => error.code)).toBe('CLIENT_CLOSED')
  })

  test('I11: damage is an error where it is noticed, and never a page', async () => {
    const damages = (await readJson('damaged.json')) as Damage[]
    expect(damages.length).toBeGreaterThan(10)
    for (const { what, key, value, call, outcome } of damages) {
      const records = await golden()
      expect(records, what).toHaveProperty([key])
      if (value === null) delete records[key]
      else records[key] = value
      const volumeId = volumeOf(await golden())
      const run = async (): Promise<void> => {
        const client = await openOn(await storeOf(records))
        if (call === 'open') return
        const volume = await client.openVolume(volumeId)
        if (call === 'openVolume') return
        await volume.snapshot().readMany([1, 2, 4, 5, 6, 7])
      }
      expect({ what, outcome: await outcomeOf(run()) }).toEqual({ what, outcome })
    }
  })
})
