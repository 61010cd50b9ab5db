import { describe, expect, test } from 'vitest'
import { type Bounded, checkBounds, checkIdle } from '../../src/checkers/bounds.ts'
import { Tally } from '../../src/tally.ts'
import { History } from '../histories.ts'

interface Facts {
  readonly waiting?: number
  readonly metrics?: Record<string, number>
  readonly work?: { readonly requests: number; readonly storeCalls: number }
  readonly keys?: number
  readonly cached?: number
}

/** A world of one server and one client, of which this is known. */
function worldOf({ waiting = 0, metrics = {}, work = { requests: 1, storeCalls: 1 }, keys = 0, cached = 0 }: Facts): Bounded {
  const life = { metrics: () => ({ getsInFlightNow: 0, ...metrics }), bounds: { getsInFlightNow: 4 }, work: () => work }
  const volume = { status: () => ({ localBytes: { cached, kept: 0 } }) }
  const client = {
    name: 'client1',
    disk: { size: keys },
    setup: { localBytesMax: 1000 },
    life: { volumes: new Map([[1, volume]]) },
  }
  return {
    scheduler: { waiting },
    servers: [
      { name: 'pages1', life },
      { name: 'pages2', life: undefined },
    ],
    clients: [client],
    volumes: new History().volumes,
    tally: new Tally(),
  } as unknown as Bounded
}

describe('while everybody is busy', () => {
  test.each<[string, Facts]>([
    ['events are waiting', { waiting: 1_001 }],
    ['getsInFlightNow=5, most=4', { metrics: { getsInFlightNow: 5 } }],
    ['getsInFlightNow=NaN', { metrics: { getsInFlightNow: Number.NaN } }],
    ['called the object store 3000 times for 2 requests', { work: { requests: 2, storeCalls: 3000 } }],
  ])('%s', (message, facts) => {
    expect(() => checkBounds(worldOf(facts))).toThrow(message)
  })

  test('work within its limits is let through', () => {
    const world = worldOf({ waiting: 1_000, metrics: { getsInFlightNow: 4 }, work: { requests: 100, storeCalls: 3000 } })
    expect(() => checkBounds(world)).not.toThrow()
    expect(world.tally.count('checks: bounds')).toBe(1)
  })
})

describe('when nobody wants anything', () => {
  test.each<[string, Facts]>([
    ['events are waiting when nobody wants anything', { waiting: 201 }],
    ['getsInFlightNow=1 when nobody wants anything of it', { metrics: { getsInFlightNow: 1 } }],
    ['bytesWaitingNow=1 when nobody wants anything of it', { metrics: { bytesWaitingNow: 1 } }],
    ['client1 keeps 5000 keys for 0 pages', { keys: 5_000 }],
    ['client1 keeps 2000 bytes of pages, most=1000', { cached: 2_000 }],
  ])('%s', (message, facts) => {
    expect(() => checkIdle(worldOf(facts))).toThrow(message)
  })

  test('timers and caches may be left', () => {
    expect(() => checkIdle(worldOf({ waiting: 10, keys: 50, cached: 900, metrics: { cacheBytesNow: 5 } }))).not.toThrow()
  })
})
