import { describe, expect, test } from 'vitest'
import type { LockManagerLike } from '../../src/index.ts'
import { Client } from '../../src/index.ts'
import { CrashableStore, openWorld, outcomeOf } from '../harness.ts'

/** A store with a name, as those of browsers have. */
class NamedStore extends CrashableStore {
  readonly location: string
  constructor(location: string) {
    super()
    this.location = location
  }
}

/** Locks by name, as browsers have them. */
class FakeLocks implements LockManagerLike {
  readonly held = new Set<string>()
  async request(name: string, _options: unknown, callback: (lock: unknown) => Promise<void>): Promise<void> {
    if (this.held.has(name)) return callback(null)
    this.held.add(name)
    await callback({ name })
    this.held.delete(name)
  }
}

const open = (store: CrashableStore, locks: LockManagerLike | 'none' | undefined): Promise<Client> =>
  Client.open({ transport: openWorld().transport, store, ...(locks !== undefined && { locks }) })

describe('the owner of a local store', () => {
  test('holds its lock until it is closed, and others are told', async () => {
    const locks = new FakeLocks()
    const first = await open(new NamedStore('app'), locks)
    expect([...locks.held]).toEqual(['graft-ts:app'])
    expect(await outcomeOf(open(new NamedStore('app'), locks))).toBe('conflict LOCAL_STORE_LOCKED')
    const other = await open(new NamedStore('other'), locks)
    await first.close()
    await new Promise((resolve) => setImmediate(resolve))
    expect([...locks.held]).toEqual(['graft-ts:other'])
    await (await open(new NamedStore('app'), locks)).close()
    await other.close()
  })

  test('lets go of it where the store cannot be opened, or is not one that it can use', async () => {
    const locks = new FakeLocks()
    const broken = new NamedStore('app')
    broken.open = () => Promise.reject(new Error('no such disk'))
    expect(await outcomeOf(open(broken, locks))).toBe('unavailable LOCAL_STORE_FAILED')
    const newer = new NamedStore('app')
    await newer.open()
    await newer.batch([{ type: 'put', key: 'info', value: Uint8Array.of(8, 99) }], {
      keyEncoding: 'utf8',
      valueEncoding: 'view',
      sync: false,
    })
    expect(await outcomeOf(open(newer, locks))).toBe('unsupported LOCAL_STORE_VERSION')
    await new Promise((resolve) => setImmediate(resolve))
    expect(locks.held.size).toBe(0)
  })

  test('that may not ask for locks is told', async () => {
    const locks: LockManagerLike = { request: () => Promise.reject(new DOMException('not here', 'SecurityError')) }
    expect(await outcomeOf(open(new NamedStore('app'), locks))).toBe('unavailable LOCAL_STORE_FAILED')
  })

  test('asks for none where the store has no name, or it is told to', async () => {
    const locks = new FakeLocks()
    const unnamed = await open(new CrashableStore(), locks)
    const first = await open(new NamedStore('app'), 'none')
    const second = await open(new NamedStore('app'), 'none')
    expect(locks.held.size).toBe(0)
    for (const client of [unnamed, first, second]) await client.close()
  })

  const { locks: runtimeLocks } = globalThis.navigator as { locks?: LockManagerLike }
  test.skipIf(runtimeLocks === undefined)('uses the locks of the runtime (skipped where it has none)', async () => {
    const first = await open(new NamedStore('runtime'), undefined)
    expect(await outcomeOf(open(new NamedStore('runtime'), undefined))).toBe('conflict LOCAL_STORE_LOCKED')
    await first.close()
    await new Promise((resolve) => setImmediate(resolve))
    await (await open(new NamedStore('runtime'), undefined)).close()
  })
})

describe('the persistence of the store', () => {
  const persistence = async (persisted: () => Promise<boolean>, persist: () => Promise<boolean>): Promise<string> => {
    const { client } = await openWorld().open({ storageManager: { persisted, persist } })
    for (let turns = 0; turns < 3; turns++) await new Promise((resolve) => setImmediate(resolve))
    const told = client.status().persistence
    await client.close()
    return told
  }
  const yes = async (): Promise<boolean> => true
  const no = async (): Promise<boolean> => false
  const fails = (): Promise<boolean> => Promise.reject(new Error('not here'))

  test('is what the storage manager says, which is asked for it once', async () => {
    expect(await persistence(yes, fails)).toBe('persistent')
    expect(await persistence(no, yes)).toBe('persistent')
    expect(await persistence(no, no)).toBe('best-effort')
    expect(await persistence(fails, yes)).toBe('unknown')
    const { client } = await openWorld().open()
    expect(client.status().persistence).toBe('unknown')
  })
})
