import { describe, expect, test } from 'vitest'
import { Client, type ClientOptions } from '../src/index.ts'
import { CrashableStore, openWorld, outcomeOf, pushedVolume } from './harness.ts'

const REFUSED = 'unsupported CLIENT_OPTIONS'

describe('an option that there is not is refused, by', () => {
  const unknown = { retries: 3 } as never

  test('opening a client', async () => {
    const { transport } = openWorld()
    const opening = (options: object) => outcomeOf(Client.open({ transport, store: new CrashableStore(), ...options }))
    expect(await opening({})).toBe('ok')
    for (const options of [unknown, { sync: unknown }, { encryptionKey: 'secret' }, { toString: true }]) {
      expect(await opening(options)).toBe(REFUSED)
    }
  })

  test('every call of a client and a volume', async () => {
    const { client } = await openWorld().open()
    const volume = await pushedVolume(client, { 1: 1 })
    const calls: (() => unknown)[] = [
      () => client.createVolume(unknown),
      () => client.openVolume(volume.volumeId, unknown),
      () => client.forget(volume.volumeId, unknown),
      () => volume.pull(unknown),
      () => volume.push(unknown),
      () => volume.resubmit(unknown),
      () => volume.watch(unknown),
      () => volume.snapshot(unknown),
      () => volume.snapshotAt(volume.status().base.lsn, unknown),
      () => volume.transact(() => undefined, unknown),
      () => volume.snapshot().read(1, unknown),
      () => volume.snapshot().readMany([1], unknown),
      () => volume.snapshot().hydrate(unknown),
      () => volume.snapshot().hydrate({ onProgress: 'often' as never }),
    ]
    for (const call of calls)
      expect({ call: String(call), outcome: await outcomeOf((async () => call())()) }).toEqual({
        call: String(call),
        outcome: REFUSED,
      })
    expect(volume.status()).toMatchObject({ sync: 'synced', pendingCommits: 0 })
  })
})

test.each([
  { transport: undefined },
  { transport: { meta: {}, pages: {} } },
  { store: undefined },
  { store: 'disk' },
  { store: new Map() },
  { merge: 'ours' },
  { prefetcher: {} },
  { connectivity: { isOnline: true } },
  { timers: { setTimeout } },
  { idSource: { nowMs: Date.now } },
  { isolation: 'read-committed' },
  { durability: 'eventually' },
  { attemptsMax: 0 },
  { retryDelayMs: -1 },
  { memoryCacheBytesMax: 1.5 },
  { transactionBytesMax: Number.POSITIVE_INFINITY },
  { localBytesMax: Number.NaN },
  { fetchesMax: 0 },
])('a client is not opened with %o', async (options) => {
  const { transport } = openWorld()
  const all = { transport, store: new CrashableStore(), ...options } as unknown as ClientOptions
  expect(await outcomeOf(Client.open(all))).toBe(REFUSED)
})
