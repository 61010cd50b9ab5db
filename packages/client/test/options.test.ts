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
    for (const none of [undefined, null, 'memory']) expect(await outcomeOf(Client.open(none as never))).toBe(REFUSED)
  })

  test('every call of a client, a volume and a snapshot, and so is what is no signal', async () => {
    const { client } = await openWorld().open()
    const volume = await pushedVolume(client, { 1: 1 })
    const snapshot = volume.snapshot()
    const calls: ((options: never) => unknown)[] = [
      (options) => volume.pull(options),
      (options) => volume.push(options),
      (options) => volume.resubmit(options),
      (options) => volume.watch(options),
      (options) => volume.snapshotAt(volume.status().base.lsn, options),
      (options) => volume.transact(() => undefined, options),
      (options) => client.openVolume(volume.volumeId, options),
      (options) => snapshot.read(1, options),
      (options) => snapshot.readMany([1], options),
      (options) => snapshot.hydrate(options),
    ]
    const withoutSignal: ((options: never) => unknown)[] = [
      (options) => client.createVolume(options),
      (options) => client.forget(volume.volumeId, options),
      (options) => volume.snapshot(options),
    ]
    const all = [...calls, ...withoutSignal].flatMap((call) => [unknown, null as never].map((options) => ({ call, options })))
    const controller = { signal: new AbortController() } as never
    for (const { call, options } of [...all, ...calls.map((one) => ({ call: one, options: controller }))]) {
      const outcome = await outcomeOf((async () => call(options))())
      expect({ call: String(call), options, outcome }).toEqual({ call: String(call), options, outcome: REFUSED })
    }
    expect(volume.status()).toMatchObject({ sync: 'synced', pendingCommits: 0 })
  })
})

test('what is given as a function is one, and what is given as an LSN', async () => {
  const { client } = await openWorld().open()
  const volume = await pushedVolume(client, { 1: 1 })
  const snapshot = volume.snapshot()
  expect(await outcomeOf((async () => volume.snapshot({ prefetcher: {} as never }))())).toBe(REFUSED)
  expect(await outcomeOf(snapshot.hydrate({ onProgress: {} as never }))).toBe(REFUSED)
  for (const atLeast of [-1, 0.5, 'x']) {
    expect(await outcomeOf(volume.pull({ atLeast: atLeast as never }))).toBe('invalid LSN_RANGE')
  }
  expect(await outcomeOf(volume.pull({ atLeast: 1 as never }))).toBe('ok')
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
