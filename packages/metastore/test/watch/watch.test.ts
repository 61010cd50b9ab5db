import { type Authorize, watchRequestToWire } from '@graft-ts/protocol'
import { idToBytes, type Lsn, type VolumeId } from '@graft-ts/volume'
import { describe, expect, test } from 'vitest'
import type { WatchBus } from '../../src/index.ts'
import { settle } from '../clock.ts'
import { type Faults, faulty } from '../faulty-store.ts'
import { commitMany, commitOf, firstOf, newVolume, openHarness } from '../harness.ts'
import { watch } from './harness.ts'

const PROBE_MS = 5000
const HEARTBEAT_MS = 15_000

interface TestBus extends WatchBus {
  readonly listeners: Set<(volumeId: VolumeId, lsn: Lsn) => void>
  published: number
  publish(volumeId: VolumeId, lsn: Lsn): void
}

/** A bus that carries everything at once, and counts who listens. */
function openBus(): TestBus {
  const listeners = new Set<(volumeId: VolumeId, lsn: Lsn) => void>()
  const bus = {
    listeners,
    published: 0,
    publish(volumeId: VolumeId, lsn: Lsn) {
      bus.published++
      for (const listener of listeners) listener(volumeId, lsn)
    },
    subscribe(listener: (volumeId: VolumeId, lsn: Lsn) => void) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
  return bus
}

async function openVolume(commits: number, options: Parameters<typeof openHarness>[0] = {}) {
  const harness = openHarness(options)
  const volumeId = newVolume()
  await commitMany(harness, volumeId, commits)
  return { harness, volumeId }
}

describe('what a watcher is told', () => {
  test('the head, if it is above what it has, and each one that is committed here at once', async () => {
    const { harness, volumeId } = await openVolume(3)
    const behind = await watch(harness, [[volumeId, 1]])
    const level = await watch(harness, [[volumeId, 3]])
    expect([behind.advances, level.advances]).toEqual([[[volumeId, 3]], []])
    await commitMany(harness, volumeId, 1, 3)
    await settle()
    expect([behind.advances.at(-1), level.advances]).toEqual([[volumeId, 4], [[volumeId, 4]]])
  })

  test('what another process commits, within the probe interval', async () => {
    const { harness, volumeId } = await openVolume(2)
    const watching = await watch(harness, [[volumeId, 2]])
    await harness.clock.pass(1)
    await commitMany(harness.other(), volumeId, 3, 2)
    await harness.clock.pass(PROBE_MS - 2)
    expect(watching.advances).toEqual([])
    await harness.clock.pass(1)
    // It may be told of what is found on the way to the head.
    expect(watching.advances.at(-1)).toEqual([volumeId, 5])
  })

  test('what a pull of somebody else finds, at once', async () => {
    const { harness, volumeId } = await openVolume(2)
    const watching = await watch(harness, [[volumeId, 2]])
    await commitMany(harness.other(), volumeId, 1, 2)
    await harness.pull(volumeId, 0)
    await settle()
    expect(watching.advances).toEqual([[volumeId, 3]])
  })

  test('the first commit of a volume that did not exist', async () => {
    const harness = openHarness()
    const volumeId = newVolume()
    const watching = await watch(harness, [[volumeId, 0]])
    await commitMany(harness.other(), volumeId, 1)
    await harness.clock.pass(PROBE_MS)
    expect(watching.advances).toEqual([[volumeId, 1]])
  })

  test('many volumes over one stream, each by itself', async () => {
    const harness = openHarness()
    const volumes = Array.from({ length: 20 }, newVolume)
    const watching = await watch(
      harness,
      volumes.map((volumeId) => [volumeId, 0]),
    )
    for (const volumeId of volumes) await commitMany(harness, volumeId, 1)
    await settle()
    expect(watching.advances).toEqual(volumes.map((volumeId) => [volumeId, 1]))
  })

  test('nothing when the client claims to be further than the volume is, until it is', async () => {
    const { harness, volumeId } = await openVolume(1)
    const watching = await watch(harness, [[volumeId, 2]])
    await commitMany(harness, volumeId, 2, 1)
    await settle()
    expect(watching.advances).toEqual([[volumeId, 3]])
  })

  test('of a volume named twice, what the lower LSN asks for', async () => {
    const { harness, volumeId } = await openVolume(2)
    const watching = await watch(harness, [
      [volumeId, 1],
      [volumeId, 2],
    ])
    expect(watching.advances).toEqual([[volumeId, 2]])
  })

  test('a slow reader gets the newest only', async () => {
    const { harness, volumeId } = await openVolume(1)
    const controller = new AbortController()
    const request = watchRequestToWire([[volumeId, 0 as Lsn]])
    const iterator = harness.client.watch(request, { signal: controller.signal })[Symbol.asyncIterator]()
    await iterator.next()
    await settle()
    await commitMany(harness, volumeId, 300, 1)
    await settle()
    const told: (bigint | undefined)[] = []
    while (told.at(-1) !== 301n) told.push((await iterator.next()).value?.lsn)
    // One message may have been on its way already.
    expect(told.length).toBeLessThanOrEqual(2)
    controller.abort()
  })

  test('I3: a client that comes back with what it knows misses nothing', async () => {
    const { harness, volumeId } = await openVolume(1)
    const first = await watch(harness, [[volumeId, 0]])
    await first.leave()
    await commitMany(harness, volumeId, 5, 1)
    const again = await watch(harness, [first.advances.at(-1) as readonly [VolumeId, number]])
    expect(again.advances).toEqual([[volumeId, 6]])
    const elsewhere = await watch(harness.other(), [[volumeId, 4]])
    expect(elsewhere.advances).toEqual([[volumeId, 6]])
  })
})

describe('heartbeats', () => {
  test('one at once, so that the client knows that the watch stands, then one per interval', async () => {
    const { harness, volumeId } = await openVolume(1)
    const watching = await watch(harness, [[volumeId, 1]])
    expect(watching.told).toEqual(['beat'])
    await harness.clock.pass(HEARTBEAT_MS - 1)
    expect(watching.beats).toBe(1)
    await harness.clock.pass(1)
    expect(watching.beats).toBe(2)
    await harness.clock.pass(10 * HEARTBEAT_MS)
    expect(watching.beats).toBe(12)
  })
})

describe('what a watch costs', () => {
  const gets = (harness: { readonly store: { readonly counts: { readonly get: number } } }) => harness.store.counts.get

  test('1,000 idle volumes: one read per volume and interval, however many watch them; the interval grows', async () => {
    const harness = openHarness()
    const volumes = Array.from({ length: 1000 }, newVolume)
    for (const volumeId of volumes) await commitMany(harness, volumeId, 1)
    harness.store.reset()
    const known = volumes.map((volumeId) => [volumeId, 1] as const)
    await watch(harness, known)
    await watch(harness, known)
    await watch(harness, known.slice(0, 10))
    expect(gets(harness)).toBe(1000)
    const costs: number[] = []
    for (const ms of [5000, 10_000, 20_000, 30_000, 30_000]) {
      await harness.clock.pass(ms - 1)
      const before = gets(harness)
      await harness.clock.pass(1)
      costs.push(before, gets(harness))
    }
    expect(costs).toEqual([1000, 2000, 2000, 3000, 3000, 4000, 4000, 5000, 5000, 6000])
    expect(harness.store.counts).toMatchObject({ head: 0, put: 0, create: 0, list: 0 })
  })

  test('nothing while nobody watches', async () => {
    const bus = openBus()
    const { harness, volumeId } = await openVolume(1, { bus })
    const watching = await watch(harness, [[volumeId, 1]])
    await harness.clock.pass(PROBE_MS)
    await watching.leave()
    harness.store.reset()
    bus.publish(volumeId, 99 as Lsn)
    await harness.clock.pass(3_600_000)
    expect(gets(harness)).toBe(0)
    expect(harness.clock.pending).toBe(0)
  })

  test('a commit makes the interval short again', async () => {
    const { harness, volumeId } = await openVolume(1)
    await watch(harness, [[volumeId, 1]])
    await harness.clock.pass(PROBE_MS * 3)
    // The next look is 20 s away.
    await commitMany(harness, volumeId, 1, 1)
    harness.store.reset()
    await harness.clock.pass(PROBE_MS - 1)
    expect(gets(harness)).toBe(0)
    await harness.clock.pass(1)
    expect(gets(harness)).toBe(1)
  })

  test('commits made here never put off looking for those made elsewhere', async () => {
    const { harness, volumeId } = await openVolume(1)
    await watch(harness, [[volumeId, 1]])
    harness.store.reset()
    for (let base = 1; base < 8; base++) {
      await harness.clock.pass(PROBE_MS / 5)
      await commitMany(harness, volumeId, 1, base)
    }
    expect(gets(harness)).toBe(1)
  })

  test('who joins a volume that has not been looked at for long is told what is there', async () => {
    const { harness, volumeId } = await openVolume(1)
    await watch(harness, [[volumeId, 1]])
    await harness.clock.pass(PROBE_MS * 3 + 1)
    await commitMany(harness.other(), volumeId, 1, 1)
    await harness.clock.pass(PROBE_MS)
    const joined = await watch(harness, [[volumeId, 1]])
    expect(joined.advances).toEqual([[volumeId, 2]])
  })

  test('looks at many volumes are spread: 32 at a time', async () => {
    const faults: Faults = { get: undefined, create: undefined }
    const harness = openHarness({ wrap: (inner) => faulty(inner, faults) })
    const volumes = Array.from({ length: 100 }, newVolume)
    for (const volumeId of volumes) await commitMany(harness, volumeId, 1)
    let now = 0
    let most = 0
    const release: (() => void)[] = []
    faults.get = async (_, run) => {
      most = Math.max(most, ++now)
      await new Promise<void>((resolve) => release.push(resolve))
      now--
      return run()
    }
    const watching = await watch(
      harness,
      volumes.map((volumeId) => [volumeId, 0]),
    )
    for (; release.length > 0; await settle()) release.pop()?.()
    expect(most).toBe(32)
    expect(watching.advances).toHaveLength(100)
  })
})

describe('a look that fails', () => {
  test('is told to the log, and the next one tells what was missed', async () => {
    const faults: Faults = { get: undefined, create: undefined }
    const { harness, volumeId } = await openVolume(1, { wrap: (inner) => faulty(inner, faults) })
    const watching = await watch(harness, [[volumeId, 1]])
    await commitMany(harness.other(), volumeId, 1, 1)
    faults.get = () => Promise.reject(new TypeError('gone'))
    await harness.clock.pass(PROBE_MS)
    expect(watching.advances).toEqual([])
    expect(harness.events.at(-1)).toMatchObject({ type: 'probe-failed', volumeId, kind: 'untyped', code: 'UNTYPED' })
    expect(harness.metastore.metrics().failedProbes).toBe(1)
    faults.get = undefined
    await harness.clock.pass(2 * PROBE_MS)
    expect(watching.advances).toEqual([[volumeId, 2]])
  })
})

describe('a bus', () => {
  test('brings the news of other processes at once', async () => {
    const bus = openBus()
    const { harness, volumeId } = await openVolume(1, { bus })
    const watching = await watch(harness, [[volumeId, 1]])
    await commitMany(harness.other(), volumeId, 1, 1)
    await settle()
    expect(watching.advances).toEqual([[volumeId, 2]])
  })

  test('that invents, repeats and reorders costs reads, and nobody is told of a commit that does not exist', async () => {
    const bus = openBus()
    const { harness, volumeId } = await openVolume(3, { bus })
    const watching = await watch(harness, [[volumeId, 0]])
    harness.store.reset()
    bus.publish(newVolume(), 9 as Lsn)
    bus.publish(volumeId, 2 as Lsn)
    bus.publish(volumeId, 3 as Lsn)
    await settle()
    expect(harness.store.counts.get).toBe(0)
    for (let i = 0; i < 100; i++) bus.publish(volumeId, 99 as Lsn)
    await settle()
    // One look when the first came, one for all that came meanwhile.
    expect(harness.store.counts.get).toBe(2)
    expect(watching.advances).toEqual([[volumeId, 3]])
  })

  test.each([
    [
      'throws',
      () => {
        throw new Error('broken')
      },
    ],
    ['rejects', () => Promise.reject(new Error('broken'))],
  ])('that %s breaks no commit', async (_, publish) => {
    const harness = openHarness({ bus: { publish, subscribe: () => () => undefined } })
    expect(await harness.commit(commitOf(newVolume(), 0))).toMatchObject({ type: 'committed' })
  })

  test('is told of commits that were made here, not of what was heard of', async () => {
    const bus = openBus()
    const { harness, volumeId } = await openVolume(2, { bus })
    expect(bus.published).toBe(2)
    await commitMany(harness.other({ bus: openBus() }), volumeId, 1, 2)
    await harness.pull(volumeId, 0)
    await harness.commit(commitOf(volumeId, 1, { pages: [9], pageCount: 50 }))
    expect(bus.published).toBe(2)
  })
})

describe('how a watch ends', () => {
  test('when the client leaves, nothing remains', async () => {
    const bus = openBus()
    const { harness, volumeId } = await openVolume(1, { bus })
    const one = await watch(harness, [[volumeId, 1]])
    const two = await watch(harness, [
      [volumeId, 1],
      [newVolume(), 0],
    ])
    expect(harness.metastore.metrics()).toMatchObject({ watchesOpenNow: 2, volumesWatchedNow: 2 })
    expect(bus.listeners.size).toBe(1)
    await one.leave()
    expect(harness.metastore.metrics()).toMatchObject({ watchesOpenNow: 1, volumesWatchedNow: 2 })
    await two.leave()
    expect(harness.metastore.metrics()).toMatchObject({ watchesOpenNow: 0, volumesWatchedNow: 0, failedRequests: 0 })
    expect([bus.listeners.size, harness.clock.pending]).toEqual([0, 0])
    expect(harness.events.at(-1)).toMatchObject({ type: 'watch-ended', principal: 'everybody', code: 'REQUEST_ABORTED' })
  })

  test('a client that leaves while it is being let in leaves nothing either', async () => {
    const held = Promise.withResolvers<void>()
    const authorize: Authorize = async () => {
      await held.promise
      return { id: 'x' }
    }
    const harness = openHarness({ authorize })
    const watching = await watch(harness, [[newVolume(), 0]])
    await watching.leave()
    held.resolve()
    await settle()
    expect(harness.events).toEqual([expect.objectContaining({ type: 'request-failed', code: 'REQUEST_ABORTED' })])
    expect(harness.metastore.metrics()).toMatchObject({ watchesOpenNow: 0, volumesWatchedNow: 0 })
    expect(harness.clock.pending).toBe(0)
  })

  test('when the token expires: not before, and nothing is told after', async () => {
    const { harness, volumeId } = await openVolume(1)
    let expiresAtMs = harness.clock.nowMs + 20_000
    const authorize: Authorize = async () => ({ id: 'x', expiresAtMs })
    const node = harness.other({ authorize })
    const other = newVolume()
    const watching = await watch(node, [
      [volumeId, 1],
      [other, 0],
    ])
    await harness.clock.pass(19_999)
    expect(watching.isOver).toBe(false)
    await harness.clock.pass(1)
    expect(watching.error).toMatchObject({ kind: 'unavailable', code: 'WATCH_EXPIRED' })
    expect(harness.clock.pending).toBe(0)
    // A token that was never good long enough.
    expiresAtMs = harness.clock.nowMs
    expect((await watch(node, [[volumeId, 0]])).error).toMatchObject({ code: 'WATCH_EXPIRED' })
    expect(node.metastore.metrics().watchesOpenNow).toBe(0)
  })

  test('with the first of several permissions that end', async () => {
    const harness = openHarness()
    const [one, two] = [newVolume(), newVolume()]
    const authorize: Authorize = async ({ volumeId }) => ({
      id: 'x',
      ...(volumeId === two && { expiresAtMs: harness.clock.nowMs + 1000 }),
    })
    const watching = await watch(harness.other({ authorize }), [
      [one, 0],
      [two, 0],
    ])
    await harness.clock.pass(1000)
    expect(watching.error).toMatchObject({ code: 'WATCH_EXPIRED' })
  })

  test('on shutdown, as something to try again elsewhere', async () => {
    const { harness, volumeId } = await openVolume(1)
    const watching = await watch(harness, [[volumeId, 1]])
    await harness.metastore.close()
    await settle()
    expect(watching.error).toMatchObject({ kind: 'unavailable', code: 'METASTORE_CLOSED' })
    expect(harness.clock.pending).toBe(0)
    expect((await watch(harness, [[volumeId, 1]])).error).toMatchObject({ code: 'METASTORE_CLOSED' })
  })

  test('a shutdown while it is being let in', async () => {
    const held = Promise.withResolvers<void>()
    const authorize: Authorize = async () => {
      await held.promise
      return { id: 'x' }
    }
    const harness = openHarness({ authorize })
    const watching = await watch(harness, [[newVolume(), 0]])
    await harness.metastore.close()
    held.resolve()
    await settle()
    expect(watching.error).toMatchObject({ code: 'METASTORE_CLOSED' })
  })
})

describe('who may watch', () => {
  test('one volume that may not be read refuses them all, and costs no store request', async () => {
    const { harness, volumeId } = await openVolume(1)
    const unknown = newVolume()
    const forbidden = newVolume()
    class Denied extends Error {
      readonly kind = 'denied'
      readonly code = 'NOT_ALLOWED'
    }
    const authorize: Authorize = async (request) => {
      expect(request.action).toBe('read')
      if (request.volumeId === forbidden) throw new Denied('not allowed')
      return { id: 'x' }
    }
    const node = harness.other({ authorize })
    harness.store.reset()
    for (const id of [volumeId, unknown]) {
      const watching = await watch(node, [
        [id, 0],
        [forbidden, 0],
      ])
      expect(watching.error).toMatchObject({ kind: 'denied', code: 'NOT_ALLOWED' })
      expect(watching.told).toEqual([])
    }
    expect(harness.store.counts.get).toBe(0)
    expect(harness.clock.pending).toBe(0)
  })

  test.each<[string, Parameters<ReturnType<typeof openHarness>['client']['watch']>[0], string]>([
    ['no volume', {}, 'MESSAGE_INVALID'],
    ['an id that is none', { volumes: [{ volumeId: Uint8Array.of(1) }] }, 'MESSAGE_INVALID'],
    ['an LSN beyond 2^53', { volumes: [{ volumeId: idToBytes(newVolume()), knownLsn: 2n ** 63n }] }, 'MESSAGE_INVALID'],
  ])('I11: %s is refused', async (_, request, code) => {
    await expect(firstOf(openHarness().client.watch(request))).rejects.toMatchObject({ kind: 'invalid', code })
  })
})

describe('limits', () => {
  const many = (count: number) => Array.from({ length: count }, () => [newVolume(), 0] as const)

  test('volumes of one watch', async () => {
    const harness = openHarness({ watch: { volumesMax: 3 } })
    expect((await watch(harness, many(3))).error).toBeUndefined()
    expect((await watch(harness, many(4))).error).toMatchObject({ kind: 'exhausted', code: 'WATCH_TOO_LARGE' })
  })

  test('watches of one principal, and of all', async () => {
    const authorize: Authorize = async ({ headers }) => ({ id: headers.get('x-name') as string })
    const harness = openHarness({ authorize, watch: { watchesPerPrincipalMax: 2, watchesMax: 3 } })
    const as = (name: string) => watch(harness, many(1), { 'x-name': name })
    const tooMany = { kind: 'exhausted', code: 'WATCHES_TOO_MANY', retryAfterMs: 5000 }
    const [first] = [await as('alice'), await as('alice')]
    expect((await as('alice')).error).toMatchObject(tooMany)
    expect((await as('bob')).error).toBeUndefined()
    expect((await as('carol')).error).toMatchObject(tooMany)
    await first.leave()
    expect((await as('alice')).error).toBeUndefined()
    expect((await as('alice')).error).toMatchObject(tooMany)
    expect((await as('carol')).error).toMatchObject(tooMany)
  })

  test('different volumes of all watches', async () => {
    const harness = openHarness({ watch: { watchedVolumesMax: 3 } })
    const volumes = many(3)
    await watch(harness, volumes)
    expect((await watch(harness, volumes)).error).toBeUndefined()
    expect((await watch(harness, many(1))).error).toMatchObject({ kind: 'exhausted', code: 'WATCHES_TOO_MANY' })
  })
})
