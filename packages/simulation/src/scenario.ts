import type { FaultClass } from '@graft-ts/storage-adapters/testing'
import { type PageSize, parsePageSize } from '@graft-ts/volume'
import type { ShelfFaults } from './frame-shelf.ts'
import type { Latency } from './latency.ts'
import type { DiskFaults } from './local-disk.ts'
import type { NetworkFaults } from './network.ts'
import type { Random } from './random.ts'

/** What the object store does wrong, and what servers do about it. */
export interface ObjectFaults {
  readonly latency: Latency
  readonly rates: Partial<Record<FaultClass, number>>
  /** While it is overloaded. */
  readonly stormRates: Partial<Record<FaultClass, number>>
  readonly hintLies: number
  readonly deadlineMs: number
  readonly attemptsMax: number
  readonly isHedged: boolean
  /** Calls that a server has under way at a time. */
  readonly storeCallsMax: number
}

/** How often nodes suffer what, on average: milliseconds of virtual time between two of a kind. */
export interface NodeFaults {
  readonly crashMs: number
  readonly pauseMs: number
  readonly partitionMs: number
  readonly clockJumpMs: number
  readonly slowMs: number
  /** Storms of refusals by the object store. */
  readonly stormMs: number
}

/** A world to be simulated: everything about it that does not change while it runs. */
export interface Scenario {
  /** Whether one client is far away from a volume that all others write to all the time: it always comes too late. */
  readonly isContended: boolean
  readonly clients: number
  readonly handlesMax: number
  readonly metaStores: number
  readonly pageStores: number
  readonly volumes: readonly { readonly pageSize: PageSize; readonly isSparse: boolean }[]
  /** Calls of clients in all. */
  readonly operations: number
  readonly network: NetworkFaults
  /** When a client gives up on a call, in milliseconds. */
  readonly timeoutMs: number
  readonly objects: ObjectFaults
  readonly disk: DiskFaults
  readonly shelf: ShelfFaults
  readonly nodes: NodeFaults
  readonly inlineBytesMax: number
  readonly pageLimits: {
    readonly writePagesMax: number
    readonly readPagesMax: number
    readonly writeBytesInFlightMax: number
    readonly writeBytesWaitingMax: number
    readonly getsInFlightMax: number
    readonly getsWaitingMax: number
  }
  /** Requests that a server answers at a time. */
  readonly requestsMax: number
  readonly uploadWindowMs: number
  readonly maxStalenessMs: number
}

/** What clients do in every run, at least. */
export const OPERATIONS_MIN = 500
/** How many faults every run meets, at least. */
export const FAULTS_MIN = 30

/** Draws a world. */
export function drawScenario(random: Random): Scenario {
  const scenario = drawUsual(random)
  return random.chance(0.15) ? contended(scenario) : scenario
}

/** Long, and with so few faults of other kinds that a push can lose again and again. */
function contended(scenario: Scenario): Scenario {
  const { network, nodes } = scenario
  return {
    ...scenario,
    isContended: true,
    clients: 5,
    handlesMax: 2,
    volumes: scenario.volumes.slice(0, 1),
    operations: 2 * OPERATIONS_MIN,
    network: { ...network, requestLost: network.requestLost / 4, replyLost: network.replyLost / 4 },
    nodes: { ...nodes, crashMs: 40_000, pauseMs: Number.POSITIVE_INFINITY, partitionMs: Number.POSITIVE_INFINITY },
  }
}

function drawRates(share: (most: number) => number): Scenario['objects']['rates'] {
  return {
    failBefore: share(0.02),
    throttle: share(0.01),
    failAfter: share(0.03),
    loseRequest: share(0.02),
    landLate: share(0.02),
    delay: share(0.05),
    truncate: share(0.02),
    flipBit: share(0.02),
    repeat: share(0.02),
  }
}

function drawPageLimits(random: Random): Scenario['pageLimits'] {
  return {
    writePagesMax: random.pick([8, 1024]),
    readPagesMax: random.pick([8, 1024]),
    writeBytesInFlightMax: random.pick([128 * 1024, 2 ** 26]),
    writeBytesWaitingMax: random.pick([64 * 1024, 2 ** 26]),
    getsInFlightMax: random.pick([2, 64]),
    getsWaitingMax: random.pick([8, 4096]),
  }
}

function drawUsual(random: Random): Scenario {
  // Some worlds are calm and some are not, so that faults are met alone as well as all at once.
  const harshness = random.pick([0.4, 1, 1, 2])
  const share = (most: number): number => (random.chance(0.75) ? random.number() * most * harshness : 0)
  const every = (ms: number): number =>
    random.chance(0.75) ? (ms / harshness) * (0.5 + random.number()) : Number.POSITIVE_INFINITY
  return {
    isContended: false,
    clients: random.between(2, 6),
    handlesMax: random.between(1, 3),
    metaStores: random.between(1, 3),
    pageStores: random.between(1, 3),
    volumes: Array.from({ length: random.pick([1, 1, 2]) }, () => ({
      pageSize: parsePageSize(random.pick([512, 512, 1024, 2048])),
      isSparse: random.chance(0.3),
    })),
    operations: OPERATIONS_MIN,
    network: {
      latency: { usualMs: 20, slowShare: 0.05, lateShare: share(0.004), lateMs: 120_000 },
      requestLost: share(0.03),
      replyLost: share(0.04),
      duplicate: share(0.03),
      bodyInParts: share(0.05),
      bodyCutOff: share(0.01),
      bodyStalled: share(0.005),
      proxyAnswers: share(0.01),
    },
    timeoutMs: random.pick([5_000, 20_000, 60_000]),
    objects: {
      latency: { usualMs: 15, slowShare: 0.03, lateShare: share(0.002), lateMs: 90_000 },
      rates: drawRates(share),
      stormRates: { failBefore: 0.3, throttle: 0.2, failAfter: 0.2, repeat: 0.2 },
      hintLies: share(0.3),
      deadlineMs: random.pick([2_000, 10_000]),
      attemptsMax: random.pick([1, 3]),
      isHedged: random.chance(0.3),
      storeCallsMax: random.pick([6, 64]),
    },
    disk: { usualMs: random.pick([1, 1, 10]), failed: share(0.002) },
    shelf: { damaged: share(0.05), swapped: share(0.05), lost: share(0.05), failed: share(0.02) },
    nodes: {
      // In every world, so that none is without any fault.
      crashMs: (5_000 / harshness) * (0.5 + random.number()),
      pauseMs: every(10_000),
      partitionMs: every(12_000),
      clockJumpMs: every(20_000),
      slowMs: every(20_000),
      stormMs: every(30_000),
    },
    inlineBytesMax: random.pick([0, 4 * 1024, 16 * 1024]),
    pageLimits: drawPageLimits(random),
    requestsMax: random.pick([6, 1024, 1024]),
    uploadWindowMs: random.pick([20_000, 120_000, 3_600_000]),
    maxStalenessMs: random.chance(0.2) ? random.pick([100, 1_000]) : 0,
  }
}
