import { RemoteError } from '@graft-ts/protocol'
import { describe, expect, test } from 'vitest'
import type { ClientOptions, RemoteHead, Volume } from '../../src/index.ts'
import { ManualTimers, openWorld, outcomeOf, pushedVolume, settle, switchable, type WorldOptions, write } from '../harness.ts'

const HEARTBEAT_MS = 1000

/** Two clients of a volume with one page; time passes when the test says so. */
async function two(options: { readonly world?: WorldOptions; readonly client?: Partial<ClientOptions> } = {}) {
  const timers = new ManualTimers()
  const world = openWorld({ timers, watch: { heartbeatMs: HEARTBEAT_MS }, ...options.world })
  const writer = await world.open()
  const theirs = await pushedVolume(writer.client, { 1: 1 })
  const ours = await world.open({ timers, ...options.client })
  const mine = await ours.client.openVolume(theirs.volumeId)
  world.calls.length = 0
  return { timers, world, writer, theirs, ours, mine }
}

const push = async (volume: Volume, stamp: number): Promise<void> => {
  await write(volume, { 1: stamp })
  await volume.push()
}

/** Collects what a watch tells. */
function collect(watch: AsyncIterable<RemoteHead>): { readonly lsns: number[]; readonly ended: Promise<void> } {
  const lsns: number[] = []
  const ended = (async () => {
    for await (const { lsn } of watch) lsns.push(lsn)
  })()
  return { lsns, ended }
}

const count = (calls: readonly string[], name: string): number => calls.filter((call) => call === name).length

describe('a watch', () => {
  test('tells of commits of others, and pulls nothing', async () => {
    const { timers, world, theirs, mine } = await two()
    const { lsns } = collect(mine.watch())
    await timers.advance(100)
    expect({ lsns, live: mine.status().live }).toEqual({ lsns: [], live: 'watching' })
    await push(theirs, 2)
    await timers.advance(0)
    await push(theirs, 3)
    await timers.advance(0)
    expect(lsns).toEqual([2, 3])
    expect(mine.status()).toMatchObject({ sync: 'behind', base: { lsn: 1 }, headLsn: 3, behind: 2, remote: undefined })
    expect(world.calls.filter((call) => call === 'Pull' || call === 'ReadPages')).toEqual([])
    await mine.pull()
    expect(mine.status()).toMatchObject({ sync: 'synced', behind: 0 })
  })

  test('shares the stream with others who know as much', async () => {
    const { timers, world, mine } = await two()
    const [first, second] = [collect(mine.watch()), collect(mine.watch())]
    await timers.advance(100)
    const third = collect(mine.watch())
    await timers.advance(100)
    expect([count(world.calls, 'Watch'), world.watchesOpen()]).toEqual([1, 1])
    await push(await (await world.open()).client.openVolume(mine.volumeId), 2)
    await timers.advance(0)
    expect([first.lsns, second.lsns, third.lsns]).toEqual([[2], [2], [2]])
  })

  test('tells at once what is newer than local reads, and own pushes too', async () => {
    const { timers, theirs, mine } = await two()
    await push(theirs, 2)
    const { lsns } = collect(mine.watch())
    await timers.advance(100)
    expect(lsns).toEqual([2])
    await write(mine, { 2: 2 })
    await mine.push()
    await timers.advance(0)
    expect(lsns).toEqual([2, 3])
  })

  test('tells only the newest to a reader that takes its time', async () => {
    const { timers, theirs, mine } = await two()
    const watch = mine.watch()
    const first = watch.next()
    await timers.advance(100)
    await push(theirs, 2)
    expect((await first).value).toEqual({ volumeId: mine.volumeId, lsn: 2 })
    await push(theirs, 3)
    await push(theirs, 4)
    await timers.advance(0)
    expect((await watch.next()).value).toEqual({ volumeId: mine.volumeId, lsn: 4 })
    await watch.return()
  })

  test('of many volumes takes one stream, also of volumes that nobody has pushed yet', async () => {
    const { timers, world, ours, writer, mine } = await two()
    const others = await Promise.all([1, 2, 3].map((stamp) => pushedVolume(writer.client, { 1: stamp })))
    const local = await ours.client.createVolume()
    const volumes = [mine, local, ...(await Promise.all(others.map(({ volumeId }) => ours.client.openVolume(volumeId))))]
    world.calls.length = 0
    const watches = [...volumes, ...volumes].map((volume) => collect(volume.watch()))
    await timers.advance(100)
    expect(world.calls).toEqual(['Describe', 'Watch'])
    for (const [i, other] of others.entries()) await push(other, 10 + i)
    await local.transact((tx) => tx.write(1, new Uint8Array(4096)))
    await local.push()
    await timers.advance(100)
    expect(watches.map(({ lsns }) => lsns)).toEqual([[], [1], [2], [2], [2], [], [1], [2], [2], [2]])
    expect(count(world.calls, 'Watch')).toBe(1)
    expect(world.watchesOpen()).toBe(1)
  })

  test('of more volumes than a stream takes has several', async () => {
    const { timers, world, ours, writer } = await two({ world: { watch: { heartbeatMs: HEARTBEAT_MS, volumesMax: 2 } } })
    const others = await Promise.all([1, 2, 3, 4, 5].map((stamp) => pushedVolume(writer.client, { 1: stamp })))
    const volumes = await Promise.all(others.map(({ volumeId }) => ours.client.openVolume(volumeId)))
    const watches = volumes.map((volume) => collect(volume.watch()))
    await timers.advance(100)
    expect(world.watchesOpen()).toBe(3)
    for (const other of others) await push(other, 9)
    await timers.advance(0)
    expect(watches.map(({ lsns }) => lsns)).toEqual([[2], [2], [2], [2], [2]])
    world.cutWatches()
    await timers.advance(0)
    expect(world.watchesOpen()).toBe(0)
  })

  test('of several streams begins all of them again when one breaks', async () => {
    const { timers, world, ours, writer } = await two({ world: { watch: { heartbeatMs: HEARTBEAT_MS, volumesMax: 2 } } })
    const others = await Promise.all([1, 2, 3, 4, 5].map((stamp) => pushedVolume(writer.client, { 1: stamp })))
    const volumes = await Promise.all(others.map(({ volumeId }) => ours.client.openVolume(volumeId)))
    let begun = 0
    world.before = async (method) => {
      if (method === 'Watch' && ++begun === 2) throw new RemoteError('unavailable', 'NO_ANSWER', 'the connection was lost')
    }
    const watches = volumes.map((volume) => collect(volume.watch()))
    await timers.advance(500)
    for (const other of others) await push(other, 9)
    await timers.advance(0)
    expect(watches.map(({ lsns }) => lsns)).toEqual([[2], [2], [2], [2], [2]])
    expect(world.watchesOpen()).toBe(3)
  })

  test.each(['signal', 'reader', 'client'] as const)('ends with its %s, and so does the stream', async (what) => {
    const { timers, world, ours, mine } = await two()
    const stop = new AbortController()
    const watch = mine.watch({ signal: stop.signal })
    const next = watch.next()
    await timers.advance(100)
    expect(world.watchesOpen()).toBe(1)
    if (what === 'signal') stop.abort()
    else if (what === 'client') await ours.client.close()
    else {
      await push(mine, 2)
      await next
      await watch.return()
    }
    await timers.advance(1)
    if (what !== 'reader') expect(await next).toEqual({ done: true, value: undefined })
    expect(world.watchesOpen()).toBe(0)
    if (what !== 'client') expect(mine.status().live).toBe('off')
    if (what === 'client') expect(() => mine.watch()).toThrow(expect.objectContaining({ code: 'CLIENT_CLOSED' }))
    world.calls.length = 0
    await timers.advance(100_000)
    expect(world.calls).toEqual([])
  })
})

test('a volume that is forgotten is followed no more, until it is opened again', async () => {
  const { timers, world, theirs, ours, mine } = await two({ client: { sync: {} } })
  const { lsns, ended } = collect(mine.watch())
  await timers.advance(100)
  expect(world.watchesOpen()).toBe(1)
  await ours.client.forget(mine.volumeId)
  await timers.advance(0)
  await ended
  expect(world.watchesOpen()).toBe(0)
  world.calls.length = 0
  await push(theirs, 2)
  await timers.advance(100_000)
  expect(world.calls).toEqual(['Commit'])
  const again = await ours.client.openVolume(mine.volumeId)
  await push(theirs, 3)
  await timers.advance(100)
  expect({ lsns, status: again.status().sync, lsn: again.status().base.lsn }).toEqual({ lsns: [], status: 'synced', lsn: 3 })
})

describe('a stream that breaks', () => {
  test('is begun again, and nothing is lost between', async () => {
    const { timers, world, theirs, mine } = await two()
    const { lsns } = collect(mine.watch())
    await timers.advance(100)
    world.cutWatches()
    await settle()
    await push(theirs, 2)
    expect(mine.status().lastError).toMatchObject({ operation: 'watch', code: 'NO_ANSWER' })
    await timers.advance(200)
    expect(lsns).toEqual([2])
    expect(mine.status()).toMatchObject({ live: 'watching', lastError: undefined })
    expect(count(world.calls, 'Watch')).toBe(2)
    await push(theirs, 3)
    await timers.advance(0)
    expect(lsns).toEqual([2, 3])
  })

  test('while the server is away is tried less and less often, but at least each minute', async () => {
    const { timers, world, theirs, mine } = await two()
    const { lsns } = collect(mine.watch())
    await timers.advance(100)
    const triedAtMs: number[] = []
    world.before = async (method) => {
      if (method !== 'Watch') return
      triedAtMs.push(timers.nowMs)
      throw new RemoteError('unavailable', 'NO_ANSWER', 'nobody is there')
    }
    world.cutWatches()
    await timers.advance(600_000)
    const pauses = triedAtMs.slice(1).map((atMs, i) => atMs - (triedAtMs[i] as number))
    expect(pauses.length).toBeGreaterThan(12)
    expect(pauses.length).toBeLessThan(40)
    expect(pauses[0]).toBeLessThan(1000)
    for (const pauseMs of pauses) expect(pauseMs).toBeLessThanOrEqual(60_100)
    for (const pauseMs of pauses.slice(-5)) expect(pauseMs).toBeGreaterThanOrEqual(30_000)
    await push(theirs, 2)
    world.before = async () => undefined
    await timers.advance(60_100)
    expect(lsns).toEqual([2])
    // What came before does not count any more.
    world.cutWatches()
    await push(theirs, 3)
    await timers.advance(250)
    expect(lsns).toEqual([2, 3])
  })

  test('waits as long as a server asks for', async () => {
    const { timers, world, mine } = await two()
    const { lsns } = collect(mine.watch())
    world.before = async (method) => {
      if (method === 'Watch') throw new RemoteError('exhausted', 'WATCHES_TOO_MANY', 'later', { retryAfterMs: 5000 })
    }
    await timers.advance(4900)
    expect(count(world.calls, 'Watch')).toBe(1)
    await timers.advance(200)
    expect({ lsns, watches: count(world.calls, 'Watch') }).toEqual({ lsns: [], watches: 2 })
  })

  test('without heartbeats is dead', async () => {
    const { timers, world, theirs, mine } = await two()
    const { lsns } = collect(mine.watch())
    await timers.advance(100)
    // Nothing arrives any more, and nobody says so.
    const timersOfServer = timers.start.bind(timers)
    timers.start = (run, delayMs) => timersOfServer(delayMs === HEARTBEAT_MS ? () => undefined : run, delayMs)
    await timers.advance(HEARTBEAT_MS * 4)
    timers.start = timersOfServer
    expect(count(world.calls, 'Watch')).toBe(2)
    await push(theirs, 2)
    await timers.advance(100)
    expect(lsns).toEqual([2])
  })
})

describe('where the meta store cannot be watched', () => {
  /** Heads are asked for by polls. */
  async function polled(spoil: (world: Awaited<ReturnType<typeof two>>['world']) => void) {
    const all = await two({ client: { sync: { pull: false, push: false, intervalMs: 2000 } } })
    spoil(all.world)
    const { lsns } = collect(all.mine.watch())
    return { ...all, lsns }
  }

  test('its head is asked for now and then', async () => {
    const { timers, world, theirs, mine, lsns } = await polled((w) => {
      const { unary } = w.transport.meta as unknown as { unary: (...args: unknown[]) => Promise<unknown> }
      // A store that tells of no watch.
      ;(w.transport.meta as unknown as { unary: typeof unary }).unary = async (...args) => {
        const answer = (await unary(...args)) as { message: { watch?: unknown } }
        return 'watch' in answer.message ? { ...answer, message: { ...answer.message, watch: undefined } } : answer
      }
    })
    await timers.advance(7000)
    expect(world.calls).toEqual(['Describe', ...Array<string>(4).fill('GetSnapshot')])
    expect(mine.status().live).toBe('polling')
    await push(theirs, 2)
    await timers.advance(2000)
    expect(lsns).toEqual([2])
  })

  test.each([
    ['lacks the method', () => new RemoteError('unsupported', 'METHOD_UNKNOWN', 'no such method')],
    ['does not let this client', () => new RemoteError('denied', 'ACCESS_DENIED', 'not allowed')],
  ])('because it %s: polls, and a stream is tried now and then', async (_, error) => {
    const { timers, world, theirs, lsns, mine } = await polled((w) => {
      w.before = async (method) => {
        if (method === 'Watch') throw error()
      }
    })
    await push(theirs, 2)
    await timers.advance(3000)
    expect(lsns).toEqual([2])
    expect(mine.status().live).toBe('polling')
    await timers.advance(37_000)
    expect(count(world.calls, 'Watch')).toBe(2)
    expect(count(world.calls, 'GetSnapshot')).toBeGreaterThan(17)
    world.before = async () => undefined
    await timers.advance(25_000)
    expect(mine.status().live).toBe('watching')
  })

  test('because something holds the stream back: polls', async () => {
    const { timers, world, theirs, lsns } = await polled((w) => {
      w.hang = (method) => method === 'Watch'
    })
    await push(theirs, 2)
    await timers.advance(HEARTBEAT_MS * 2.5 + 100)
    expect(lsns).toEqual([2])
    await push(theirs, 3)
    await timers.advance(2100)
    expect(lsns).toEqual([2, 3])
    expect(count(world.calls, 'Watch')).toBe(1)
  })

  test('says that nothing is new when it has asked', async () => {
    const { timers, world, mine } = await polled((w) => {
      w.before = async (method) => {
        if (method === 'Watch') throw new RemoteError('unsupported', 'METHOD_UNKNOWN', 'no such method')
      }
    })
    world.ids.tick(5000)
    expect(mine.status().staleForMs).toBeGreaterThanOrEqual(5000)
    await timers.advance(100)
    expect(count(world.calls, 'GetSnapshot')).toBe(1)
    expect(mine.status().staleForMs).toBeLessThan(1000)
  })

  test('asks at once for a volume that is followed while it is asking', async () => {
    let letGo = (): void => undefined
    const held = new Promise<void>((resolve) => {
      letGo = resolve
    })
    let isHeld = false
    const { timers, world, writer, ours } = await polled((w) => {
      w.before = async (method) => {
        if (method === 'Watch') throw new RemoteError('unsupported', 'METHOD_UNKNOWN', 'no such method')
        if (method === 'GetSnapshot' && isHeld) await held
      }
    })
    const other = await pushedVolume(writer.client, { 1: 1 })
    const second = await ours.client.openVolume(other.volumeId)
    world.calls.length = 0
    isHeld = true
    await timers.advance(100)
    void second.watch().next()
    letGo()
    await timers.advance(100)
    expect(count(world.calls, 'GetSnapshot')).toBe(3)
  })

  test('a poll that fails shows in the status, and the next one is made', async () => {
    const { timers, world, theirs, mine, lsns } = await polled((w) => {
      w.before = async (method) => {
        if (method === 'Watch') throw new RemoteError('unsupported', 'METHOD_UNKNOWN', 'no such method')
        if (method === 'GetSnapshot') throw new RemoteError('unavailable', 'NO_ANSWER', 'nobody is there')
      }
    })
    await push(theirs, 2)
    await timers.advance(100)
    expect(mine.status().lastError).toMatchObject({ operation: 'watch', code: 'NO_ANSWER' })
    const refuse = world.before
    world.before = async (method) => (method === 'Watch' ? refuse(method) : undefined)
    await timers.advance(2000)
    expect(lsns).toEqual([2])
    expect(mine.status().lastError).toBeUndefined()
  })
})

describe('without a network', () => {
  test('nothing is tried, and with it again at once', async () => {
    const connectivity = switchable()
    const { timers, world, theirs, mine } = await two({ client: { connectivity } })
    const { lsns } = collect(mine.watch())
    await timers.advance(100)
    connectivity.set(false)
    await timers.advance(0)
    expect({ open: world.watchesOpen(), live: mine.status().live }).toEqual({ open: 0, live: 'offline' })
    await push(theirs, 2)
    world.calls.length = 0
    await timers.advance(1_000_000)
    expect(world.calls).toEqual([])
    connectivity.set(true)
    await timers.advance(20)
    expect(lsns).toEqual([2])
    expect(mine.status().live).toBe('watching')
  })

  test('that goes away while a stream is about to begin: it does not', async () => {
    const connectivity = switchable()
    const { timers, world, mine } = await two({ client: { connectivity } })
    collect(mine.watch())
    await timers.advance(10)
    connectivity.set(false)
    await timers.advance(1000)
    expect({ calls: world.calls.filter((call) => call === 'Watch'), live: mine.status().live }).toEqual({
      calls: [],
      live: 'offline',
    })
  })

  test('what is asked for is tried all the same', async () => {
    const connectivity = switchable()
    connectivity.set(false)
    const { theirs, mine } = await two({ client: { connectivity } })
    await push(theirs, 2)
    expect(await outcomeOf(mine.pull())).toBe('ok')
  })
})
