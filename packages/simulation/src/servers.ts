import { type CommitLogs, createCommitLogs } from '@graft-ts/commit-log'
import { createMetastore, type Metastore } from '@graft-ts/metastore'
import { createPagestore, type FrameCache, type Pagestore } from '@graft-ts/pagestore'
import { ageOnlyRefSigner, allowEverybody } from '@graft-ts/protocol'
import {
  deadline,
  hedged,
  type LimitedStore,
  limited,
  type MeteredStore,
  metered,
  type ObjectStore,
  retrying,
  type StoreCounts,
} from '@graft-ts/storage-adapters'
import { type FaultClass, type FaultyStore, faulty } from '@graft-ts/storage-adapters/testing'
import type { ServerNode } from './exchange.ts'
import { immediateCodec } from './frame-codec.ts'
import { FrameShelf } from './frame-shelf.ts'
import type { ObjectStorage } from './object-storage.ts'
import { Process } from './process.ts'
import type { Random } from './random.ts'
import type { Scenario } from './scenario.ts'
import type { Scheduler } from './scheduler.ts'
import type { Tally } from './tally.ts'

/** What servers stand on. */
export interface ServerGround {
  readonly scheduler: Scheduler
  readonly random: Random
  readonly storage: ObjectStorage
  readonly scenario: Scenario
  readonly tally: Tally
  /** Whether anything still goes wrong. */
  readonly isHealed: () => boolean
  /** Whether the object store is overloaded. */
  readonly isStormy: () => boolean
}

const LOG_CACHE_BYTES = 2 ** 20
/** What the largest write holds: a hundred pages of 2 KiB, and their room in a segment. */
const WRITE_BYTES_MAX = 2 * 100 * 2048

/** What the classes of `faulty` look like from the outside. */
const FAULT_NAMES: Readonly<Record<FaultClass, string>> = {
  failBefore: 'unavailable, 500, 503 or 409',
  throttle: 'throttled',
  failAfter: 'reply lost after the effect',
  loseRequest: 'write lost',
  landLate: 'write landed late',
  delay: 'delayed',
  truncate: 'truncated read',
  flipBit: 'bit flipped in a read',
  repeat: 'call made twice, 412 for its own effect',
}

interface Bounds {
  /** What some of its gauges may show at most. */
  readonly bounds: Readonly<Record<string, number>>
}

interface ServerLife {
  readonly process: Process
  readonly handler: (request: Request) => Promise<Response>
  readonly stores: readonly FaultyStore[]
  /** Takes nothing new, and ends what it has. */
  readonly close: () => Promise<void>
  /** What the server counts. */
  readonly metrics: () => Readonly<Record<string, number>>
  /** What some of that may be at most. */
  readonly bounds: Readonly<Record<string, number>>
  /** Requests that it has got, and what they have cost: calls of the object store, tries and extra ones included. */
  readonly work: () => { readonly requests: number; readonly storeCalls: number }
}

/** A server of either kind, through all its lives. */
export class ServerNodeImpl implements ServerNode {
  readonly name: string
  readonly #kind: 'meta' | 'pages'
  readonly #ground: ServerGround
  /** Where a page store keeps frames; `undefined`: nowhere. */
  readonly #shelf: FrameShelf | undefined
  #life: ServerLife | undefined

  constructor(name: string, kind: 'meta' | 'pages', ground: ServerGround) {
    this.name = name
    this.#kind = kind
    this.#ground = ground
    const { random, scenario, tally, isHealed } = ground
    const hasShelf = kind === 'pages' && random.chance(0.5)
    this.#shelf = hasShelf ? new FrameShelf({ faults: scenario.shelf, random: random.fork(), tally, isHealed }) : undefined
    this.start()
  }

  get life(): ServerLife | undefined {
    return this.#life
  }

  /** Starts it, with nothing in memory. */
  start(): void {
    this.isClosing = false
    const { scheduler, random } = this.#ground
    const process = new Process({ name: this.name, random: random.fork(), scheduler, clockOffsetMs: random.between(-500, 500) })
    const made = openStore(process, this.#ground)
    const logs = createCommitLogs({
      store: made.store,
      nowMs: () => process.nowMs(),
      codec: immediateCodec,
      cacheBytesMax: LOG_CACHE_BYTES,
    })
    const server =
      this.#kind === 'meta'
        ? openMeta(process, logs, this.#ground)
        : openPages(process, { logs, store: made.store, frameCache: this.#shelf?.openedBy(process) }, this.#ground)
    let requests = 0
    this.#life = {
      process,
      handler: (request) => {
        requests++
        return server.handler(request)
      },
      stores: made.faulty,
      close: () => server.close(),
      metrics: () => ({
        ...server.metrics(),
        storeCallsInFlightNow: made.turns.inFlight,
        storeCallsWaitingNow: made.turns.waiting,
      }),
      bounds: { ...server.bounds, storeCallsInFlightNow: this.#ground.scenario.objects.storeCallsMax },
      work: () => ({ requests, storeCalls: callsIn(made.meter.counts) }),
    }
  }

  /** Whether it takes nothing new. */
  isClosing = false

  /** Ends it on the spot. */
  crash(): void {
    this.#life?.process.die()
    this.collect()
    this.#life = undefined
  }

  /** Counts the faults that its stores have met. */
  collect(): void {
    const { tally } = this.#ground
    for (const store of this.#life?.stores ?? []) {
      for (const [name, count] of Object.entries(store.faults))
        if (count > 0) tally.add(`object store: ${FAULT_NAMES[name as FaultClass]}`, count)
    }
  }
}

function openMeta(process: Process, logs: CommitLogs, ground: ServerGround): Metastore & Bounds {
  const { scenario, tally } = ground
  const metastore = createMetastore({
    logs,
    authorize: allowEverybody,
    refs: ageOnlyRefSigner({ nowMs: () => process.nowMs(), uploadWindowMs: scenario.uploadWindowMs }),
    limits: { inlineBytesMax: scenario.inlineBytesMax, requestsMax: scenario.requestsMax },
    maxStalenessMs: scenario.maxStalenessMs,
    timers: process.timers,
    nowMs: () => process.nowMs(),
    log: (event) => {
      if (event.type === 'request-failed') tally.add(`answered by a meta store: ${event.code}`)
      else if (event.type === 'request-refused') tally.add(`refused by a meta store: ${event.code}`)
    },
  })
  return { ...metastore, bounds: { requestsInFlightNow: scenario.requestsMax, cacheBytesNow: LOG_CACHE_BYTES } }
}

function openPages(
  process: Process,
  stands: { readonly logs: CommitLogs; readonly store: ObjectStore; readonly frameCache: FrameCache | undefined },
  ground: ServerGround,
): Pagestore & Bounds {
  const { logs, store, frameCache } = stands
  const { scenario, tally, random } = ground
  const { pageLimits, requestsMax } = scenario
  const cacheBytesMax = random.pick([0, 64 * 1024, 2 ** 20])
  const pagestore = createPagestore({
    logs,
    segments: store,
    commits: store,
    authorize: allowEverybody,
    refs: ageOnlyRefSigner({ nowMs: () => process.nowMs(), uploadWindowMs: scenario.uploadWindowMs }),
    idSource: process.idSource,
    codec: immediateCodec,
    ...(frameCache && { frameCache }),
    cacheBytesMax,
    policy: random.chance(0.3) ? { type: 'cost', intervalMs: 200 } : { type: 'latency' },
    segmentScope: random.chance(0.3) ? 'volume' : 'shared',
    limits: { ...pageLimits, requestsMax, uploadTimeoutMs: 5_000, getTimeoutMs: 5_000 },
    timers: process.timers,
    log: (event) => {
      if (event.type === 'request-failed') tally.add(`answered by a page store: ${event.code}`)
      else if (event.type === 'request-refused') tally.add(`refused by a page store: ${event.code}`)
      else if (event.type === 'frame-rejected') tally.add(`recovery: frame read again${event.isFinal ? ' in vain' : ''}`)
      else if (event.type === 'kept-frame-rejected') tally.add('recovery: kept frame rejected')
      else if (event.type === 'upload-retried') tally.add('recovery: upload sent again')
    },
  })
  const bounds = {
    requestsInFlightNow: requestsMax,
    // What is larger than all that there is room for goes alone.
    writeBytesInFlightNow: Math.max(pageLimits.writeBytesInFlightMax, WRITE_BYTES_MAX),
    writeBytesWaitingNow: pageLimits.writeBytesWaitingMax,
    getsInFlightNow: pageLimits.getsInFlightMax,
    getsWaitingNow: pageLimits.getsWaitingMax,
    cacheBytesNow: cacheBytesMax,
  }
  return { ...pagestore, bounds }
}

interface MadeStore {
  readonly store: ObjectStore
  readonly faulty: readonly FaultyStore[]
  readonly meter: MeteredStore
  readonly turns: LimitedStore
}

/** The object store as a server sees it: the wrappers of production around the faults. */
function openStore(process: Process, ground: ServerGround): MadeStore {
  const { storage, scenario, random, isHealed, isStormy } = ground
  const { rates, stormRates, deadlineMs, attemptsMax, isHedged, storeCallsMax } = scenario.objects
  const { timers, scheduler } = process
  const link = storage.linkOf(process)
  const seed = (): number => random.below(2 ** 31)
  const usual = faulty(link, { seed: seed(), rates, timers, delayMsMax: 3_000, filter: () => !isHealed() })
  const stormy = faulty(usual, {
    seed: seed(),
    rates: stormRates,
    timers,
    delayMsMax: 500,
    filter: () => !isHealed() && isStormy(),
  })
  const delay = (ms: number): Promise<void> => scheduler.wait(process, ms, '')
  const meter = metered(stormy)
  const turns = limited(deadline(meter, { ms: deadlineMs, timers }), { inFlightMax: storeCallsMax })
  const retried = retrying(turns, {
    attemptsMax,
    delay,
    random: () => process.random.number(),
  })
  const clock = { nowMs: () => scheduler.nowMs, delay }
  return { store: isHedged ? hedged(retried, { budget: 0.1, clock }) : retried, faulty: [usual, stormy], meter, turns }
}

function callsIn({ bytesRead: _read, bytesWritten: _written, ...calls }: StoreCounts): number {
  return Object.values(calls).reduce((sum, count) => sum + count, 0)
}
