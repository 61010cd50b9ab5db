import { type CommitLogs, createCommitLogs } from '@graft-ts/commit-log'
import { createMetastore, type Metastore } from '@graft-ts/metastore'
import { createPagestore, type Pagestore } from '@graft-ts/pagestore'
import { ageOnlyRefSigner, allowEverybody } from '@graft-ts/protocol'
import { deadline, hedged, type ObjectStore, retrying } from '@graft-ts/storage-adapters'
import { type FaultClass, type FaultyStore, faulty } from '@graft-ts/storage-adapters/testing'
import type { ServerNode } from './exchange.ts'
import { immediateCodec } from './frame-codec.ts'
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

interface ServerLife {
  readonly process: Process
  readonly handler: (request: Request) => Promise<Response>
  readonly stores: readonly FaultyStore[]
  /** Takes nothing new, and ends what it has. */
  readonly close: () => Promise<void>
  /** Work that a server has at the moment; all 0 when nobody wants anything of it. */
  readonly gauges: () => Readonly<Record<string, number>>
}

/** A server of either kind, through all its lives. */
export class ServerNodeImpl implements ServerNode {
  readonly name: string
  readonly #kind: 'meta' | 'pages'
  readonly #ground: ServerGround
  #life: ServerLife | undefined

  constructor(name: string, kind: 'meta' | 'pages', ground: ServerGround) {
    this.name = name
    this.#kind = kind
    this.#ground = ground
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
      cacheBytesMax: 2 ** 20,
    })
    const server =
      this.#kind === 'meta' ? openMeta(process, logs, this.#ground) : openPages(process, logs, made.store, this.#ground)
    this.#life = {
      process,
      handler: server.handler,
      stores: made.faulty,
      close: () => server.close(),
      gauges: () => gaugesOf(server.metrics()),
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

function openMeta(process: Process, logs: CommitLogs, ground: ServerGround): Metastore {
  const { scenario, tally } = ground
  return createMetastore({
    logs,
    authorize: allowEverybody,
    refs: ageOnlyRefSigner({ nowMs: () => process.nowMs(), uploadWindowMs: scenario.uploadWindowMs }),
    limits: { inlineBytesMax: scenario.inlineBytesMax },
    maxStalenessMs: scenario.maxStalenessMs,
    timers: process.timers,
    nowMs: () => process.nowMs(),
    log: (event) => {
      if (event.type === 'request-failed') tally.add(`answered by a meta store: ${event.code}`)
    },
  })
}

function openPages(process: Process, logs: CommitLogs, store: ObjectStore, ground: ServerGround): Pagestore {
  const { scenario, tally, random } = ground
  return createPagestore({
    logs,
    segments: store,
    commits: store,
    authorize: allowEverybody,
    refs: ageOnlyRefSigner({ nowMs: () => process.nowMs(), uploadWindowMs: scenario.uploadWindowMs }),
    idSource: process.idSource,
    codec: immediateCodec,
    cacheBytesMax: random.pick([0, 64 * 1024, 2 ** 20]),
    policy: random.chance(0.3) ? { type: 'cost', intervalMs: 200 } : { type: 'latency' },
    segmentScope: random.chance(0.3) ? 'volume' : 'shared',
    limits: { ...scenario.pageLimits, uploadTimeoutMs: 5_000, getTimeoutMs: 5_000 },
    timers: process.timers,
    log: (event) => {
      if (event.type === 'request-failed') tally.add(`answered by a page store: ${event.code}`)
      else if (event.type === 'frame-rejected') tally.add(`recovery: frame read again${event.isFinal ? ' in vain' : ''}`)
      else if (event.type === 'upload-retried') tally.add('recovery: upload sent again')
    },
  })
}

/** The object store as a server sees it: the wrappers of production around the faults. */
function openStore(process: Process, ground: ServerGround): { store: ObjectStore; faulty: readonly FaultyStore[] } {
  const { storage, scenario, random, isHealed, isStormy } = ground
  const { rates, stormRates, deadlineMs, attemptsMax, isHedged } = scenario.objects
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
  const retried = retrying(deadline(stormy, { ms: deadlineMs, timers }), {
    attemptsMax,
    delay,
    random: () => process.random.number(),
  })
  const clock = { nowMs: () => scheduler.nowMs, delay }
  return { store: isHedged ? hedged(retried, { budget: 0.1, clock }) : retried, faulty: [usual, stormy] }
}

function gaugesOf(metrics: object): Record<string, number> {
  return Object.fromEntries(Object.entries(metrics).filter(([name]) => name.includes('InFlightNow')) as [string, number][])
}
