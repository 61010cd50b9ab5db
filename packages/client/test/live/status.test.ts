import { RemoteError } from '@graft-ts/protocol'
import { describe, expect, test } from 'vitest'
import type { VolumeStatus } from '../../src/index.ts'
import { ALWAYS_ONLINE, runtimeConnectivity } from '../../src/live/connectivity.ts'
import { ManualTimers, openWorld, outcomeOf, PAGE_SIZE, pushedVolume, settle, write } from '../harness.ts'

async function two() {
  const timers = new ManualTimers()
  const world = openWorld({ timers, watch: { heartbeatMs: 1000 } })
  const theirs = await pushedVolume((await world.open()).client, { 1: 1, 2: 2 })
  const ours = await world.open({ timers, attemptsMax: 1 })
  const mine = await ours.client.openVolume(theirs.volumeId)
  return { timers, world, theirs, ours, mine }
}

describe('who listens to the status', () => {
  test('is told what it is after a change, once for changes that come together', async () => {
    const { mine, theirs } = await two()
    const told: VolumeStatus[] = []
    const stop = mine.onStatus((status) => told.push(status))
    await write(mine, { 1: 11 })
    await settle()
    expect(told.at(-1)).toMatchObject({ volumeId: mine.volumeId, sync: 'ahead', pendingCommits: 1 })
    await mine.push()
    await settle()
    expect(told.at(-1)).toEqual({ ...mine.status(), staleForMs: expect.any(Number) })
    expect(told.at(-1)).toMatchObject({ sync: 'synced', base: { lsn: 2 } })
    await theirs.pull()
    const before = told.length
    await settle()
    expect(told.length).toBe(before)
    stop()
    await write(mine, { 1: 12 })
    await settle()
    expect(told.length).toBe(before)
  })

  test('of a client hears of all its volumes', async () => {
    const { ours, mine } = await two()
    const second = await ours.client.createVolume()
    const told: VolumeStatus[] = []
    const stop = ours.client.onStatus((status) => told.push(status))
    await write(mine, { 1: 11 })
    await second.transact((tx) => tx.write(1, new Uint8Array(4096)))
    await settle()
    expect(new Set(told.map(({ volumeId }) => volumeId))).toEqual(new Set([mine.volumeId, second.volumeId]))
    stop()
    const before = told.length
    await write(mine, { 1: 12 })
    await settle()
    expect(told.length).toBe(before)
  })

  test('may stop while it is told, and hears nothing more', async () => {
    const { mine } = await two()
    let told = 0
    const stops = [1, 2].map(() =>
      mine.onStatus(() => {
        told++
        for (const stop of stops) stop()
      }),
    )
    await write(mine, { 1: 11 })
    await settle()
    expect(told).toBe(1)
  })

  test('is told of a divergence, and of how heads are followed', async () => {
    const { timers, mine } = await two()
    const told = new Set<string>()
    mine.onStatus(({ live }) => told.add(live))
    const watch = mine.watch()
    void watch.next()
    await timers.advance(100)
    expect([...told]).toEqual(['connecting', 'watching'])
  })
})

describe('the status', () => {
  test('says for how long local reads may have been stale', async () => {
    const { timers, world, theirs, mine } = await two()
    expect(mine.status().staleForMs).toBeLessThan(1000)
    world.ids.tick(5000)
    expect(mine.status().staleForMs).toBeGreaterThanOrEqual(5000)
    await mine.pull()
    expect(mine.status().staleForMs).toBeLessThan(1000)
    world.ids.tick(5000)
    expect(mine.status().staleForMs).toBeGreaterThanOrEqual(5000)
    const watch = mine.watch()
    void watch.next()
    // The first heartbeat says only that the stream stands; one that nothing came before, that nothing is new.
    await timers.advance(500)
    expect(mine.status().staleForMs).toBeGreaterThanOrEqual(5000)
    await timers.advance(600)
    expect(mine.status().staleForMs).toBeLessThan(1000)
    await write(theirs, { 1: 11 })
    await theirs.push()
    world.ids.tick(7000)
    await timers.advance(3000)
    expect(mine.status()).toMatchObject({ sync: 'behind', behind: 1 })
    expect(mine.status().staleForMs).toBeGreaterThanOrEqual(7000)
    await mine.pull()
    expect(mine.status().staleForMs).toBeLessThan(1000)
    await write(mine, { 2: 22 })
    world.ids.tick(3000)
    await mine.push()
    expect(mine.status().staleForMs).toBeLessThan(1000)
  })

  test('of a volume that nobody has pushed says nothing about that', async () => {
    const { ours } = await two()
    const volume = await ours.client.createVolume({ pageSize: PAGE_SIZE })
    await write(volume, { 1: 1 })
    expect(volume.status().staleForMs).toBeUndefined()
    await volume.push()
    expect(volume.status().staleForMs).toBeLessThan(1000)
  })

  describe('after a restart', () => {
    /** What the next client says, that long after what was done. */
    async function stalenessAfter(
      todo: (test: Awaited<ReturnType<typeof two>>) => Promise<unknown>,
      { passMs, isOrderly }: { readonly passMs: number; readonly isOrderly: boolean },
    ): Promise<number | undefined> {
      const test = await two()
      await todo(test)
      await settle()
      if (isOrderly) await test.ours.client.close()
      test.world.ids.tick(passMs)
      const again = await test.ours.reopen()
      return (await again.client.openVolume(test.mine.volumeId)).status().staleForMs
    }

    test('goes on where it was', async () => {
      const opened = await stalenessAfter(async () => undefined, { passMs: 7000, isOrderly: true })
      expect(opened).toBeGreaterThanOrEqual(7000)
      expect(opened).toBeLessThan(8000)
      const idle = await stalenessAfter(
        async ({ world, mine }) => {
          world.ids.tick(40_000)
          await mine.pull()
        },
        { passMs: 7000, isOrderly: true },
      )
      expect(idle).toBeLessThan(8000)
    })

    test.each([
      { what: 'a pull that brought something', afterMs: 30_000, todo: 'pull-new' },
      { what: 'a push', afterMs: 30_000, todo: 'push' },
      { what: 'a pull that brought nothing, if the last was a minute ago', afterMs: 60_000, todo: 'pull' },
    ])('by a crash counts from $what', async ({ afterMs, todo }) => {
      const staleForMs = await stalenessAfter(
        async ({ world, theirs, mine }) => {
          world.ids.tick(afterMs)
          if (todo === 'pull-new') await write(theirs, { 1: 11 }).then(() => theirs.push())
          if (todo === 'push') await write(mine, { 1: 11 }).then(() => mine.push())
          else await mine.pull()
        },
        { passMs: 7000, isOrderly: false },
      )
      expect(staleForMs).toBeGreaterThanOrEqual(7000)
      expect(staleForMs).toBeLessThan(8000)
    })

    test('is not written again when nothing is known that is not there', async () => {
      const { ours, mine } = await two()
      await ours.client.close()
      const again = await ours.reopen()
      await again.client.openVolume(mine.volumeId)
      await again.client.close()
      expect(again.local.batches).toBe(0)
    })

    test('does not count what was known to be old', async () => {
      const staleForMs = await stalenessAfter(
        async ({ timers, world, theirs, mine }) => {
          void mine.watch().next()
          await timers.advance(100)
          world.ids.tick(90_000)
          await write(theirs, { 1: 11 })
          await theirs.push()
          await timers.advance(10_000)
          expect(mine.status()).toMatchObject({ sync: 'behind' })
        },
        { passMs: 7000, isOrderly: true },
      )
      expect(staleForMs).toBeGreaterThanOrEqual(97_000)
    })

    test('is not known when the clock was set back', async () => {
      expect(await stalenessAfter(async ({ mine }) => mine.pull(), { passMs: -3_600_000, isOrderly: true })).toBeUndefined()
    })
  })

  test('is not held up, nor ended, by a local store that cannot keep it', async () => {
    const { world, ours, mine } = await two()
    ours.local.batchesLeft = 0
    world.ids.tick(60_000)
    await mine.pull()
    expect(mine.status()).toMatchObject({ sync: 'synced', lastError: undefined })
    expect(mine.status().staleForMs).toBeLessThan(1000)
  })

  test('keeps an error until a call of that kind succeeds', async () => {
    const { world, mine } = await two()
    const refuse = (...methods: string[]): void => {
      world.before = async (method) => {
        if (methods.includes(method)) throw new RemoteError('unavailable', `NO_${method.toUpperCase()}`, 'nobody is there')
      }
    }
    refuse('ReadPages', 'Commit')
    await outcomeOf(mine.snapshot().read(1))
    expect(mine.status().lastError).toMatchObject({ operation: 'read', code: 'NO_READPAGES', kind: 'unavailable' })
    await write(mine, { 1: 11 })
    await outcomeOf(mine.push())
    expect(mine.status().lastError).toMatchObject({ operation: 'push', code: 'NO_COMMIT' })
    await mine.pull()
    expect(mine.status().lastError).toMatchObject({ operation: 'push' })
    refuse('ReadPages')
    await mine.push()
    expect(mine.status().lastError).toMatchObject({ operation: 'read' })
    refuse()
    await mine.snapshot().read(2)
    await settle()
    expect(mine.status().lastError).toBeUndefined()
  })

  test('does not count a call that its caller gave up', async () => {
    const { world, mine } = await two()
    world.hang = (method) => method === 'Pull'
    const caller = new AbortController()
    const pulling = outcomeOf(mine.pull({ signal: caller.signal }))
    await settle()
    caller.abort()
    expect(await pulling).toBe('aborted ABORTED')
    expect(mine.status().lastError).toBeUndefined()
  })
})

describe('what the runtime says about the network', () => {
  test('is believed where it says something', () => {
    const listeners = new Map<string, () => void>()
    const navigator = { onLine: true }
    const connectivity = runtimeConnectivity({
      navigator,
      addEventListener: (type, listener) => void listeners.set(type, listener),
      removeEventListener: (type) => void listeners.delete(type),
    })
    let changes = 0
    const stop = connectivity.subscribe(() => changes++)
    expect([...listeners.keys()]).toEqual(['online', 'offline'])
    expect(connectivity.isOnline()).toBe(true)
    navigator.onLine = false
    listeners.get('offline')?.()
    expect([connectivity.isOnline(), changes]).toEqual([false, 1])
    stop()
    expect(listeners.size).toBe(0)
  })

  test.each([{}, { navigator: {} }, { navigator: { onLine: false } }])('elsewhere trying tells: %j', (surroundings) => {
    expect(runtimeConnectivity(surroundings)).toBe(ALWAYS_ONLINE)
    expect(ALWAYS_ONLINE.isOnline()).toBe(true)
    ALWAYS_ONLINE.subscribe(() => undefined)()
  })
})
