import type { Tally } from './tally.ts'

const FAULT_GROUPS = ['network: ', 'nodes: ', 'object store: ', 'disk: ', 'frame cache: ', 'application: ']

/** Every class of faults. */
const FAULTS = [
  'application: function failed when it ran again',
  'application: gave up on a call',
  'application: merge hook failed',
  'disk: read failed',
  'disk: unsynced batches lost',
  'disk: write failed',
  'frame cache: damaged',
  'frame cache: failed',
  'frame cache: lost',
  'frame cache: swapped',
  'network: answered by a proxy',
  'network: body cut off',
  'network: body in parts',
  'network: body stalled',
  'network: duplicate delivery',
  'network: far too late',
  'network: lost in a partition',
  'network: overtaken',
  'network: reply lost after the effect',
  'network: request lost',
  'network: timed out',
  'nodes: client crashed, disk kept',
  'nodes: client crashed, disk lost',
  'nodes: client crashed, disk torn',
  'nodes: client offline',
  'nodes: clock jumped',
  'nodes: partition',
  'nodes: paused',
  'nodes: server crashed',
  'nodes: server shut down',
  'nodes: slow',
  'object store: bit flipped in a read',
  'object store: call made twice, 412 for its own effect',
  'object store: delayed',
  'object store: far too late',
  'object store: lost in a partition',
  'object store: reply lost after the effect',
  'object store: hint is a lie',
  'object store: storm of refusals',
  'object store: throttled',
  'object store: truncated read',
  'object store: unavailable, 500, 503 or 409',
  'object store: write landed late',
  'object store: write lost',
]

/** Every way out of trouble that the product has, as far as it can be told from outside. */
const RECOVERIES = [
  'answer to Commit: COMMIT_UNDECIDED',
  'answer to Commit: METASTORE_CLOSED',
  'answer to Commit: OUTCOME_UNKNOWN',
  'answer to Commit: REFS_EXPIRED',
  'answer to ReadPages: RECORD_CHECKSUM',
  'answer to ReadPages: REQUESTS_TOO_MANY',
  'answer to WritePages: PAGESTORE_BUSY',
  'answer to WritePages: PAGESTORE_CLOSED',
  'outcome of push: PUSH_DIVERGED',
  'outcome of transact: LOCAL_STORE_FAILED',
  'recovery: attempt found after a crash',
  'recovery: conflict answered',
  'recovery: divergence ended by pushing again',
  'recovery: frame read again',
  'recovery: frame read again in vain',
  'recovery: kept frame rejected',
  'recovery: own commit found again',
  'recovery: pending commits found after a crash',
  'recovery: page merged',
  'recovery: push gave way to others',
  'recovery: push merged pages',
  'recovery: push met commits of others',
  'recovery: push ran transactions again',
  'recovery: push went on without running again',
  'recovery: pushed again after a divergence',
  'recovery: reset after a divergence',
  'recovery: transaction ran again',
  'recovery: upload sent again',
]

const CHECKS = [
  'checks: acknowledgements',
  'checks: answers to Commit',
  'checks: answers to GetSnapshot',
  'checks: answers to Pull',
  'checks: answers to ReadPages',
  'checks: bounds',
  'checks: clients that agree at the end',
  'checks: clients that sync by themselves',
  'checks: commits',
  'checks: committed transactions',
  'checks: committed transactions with snapshot isolation',
  'checks: heads that watches tell',
  'checks: outcomes',
  'checks: read-only transactions',
  'checks: requests of calls',
  'checks: snapshots of the past',
  'checks: views',
]

/** What there is in worlds, and what their clients do. */
const WORLDS = [
  'operations: audit',
  'operations: commit',
  'operations: hold',
  'operations: hydrate',
  'operations: past',
  'operations: pull',
  'operations: push',
  'operations: revisit',
  'operations: scan',
  'operations: settle',
  'operations: transact',
  'operations: watch',
  'work: append',
  'work: browse',
  'work: bulk',
  'work: grow',
  'work: grow blindly',
  'work: read tail',
  'work: register',
  'work: shrink',
  'work: sum up',
  'work: touch end',
  'work: touch tail',
  'work: transfer',
  'work: tree',
  'work: write skew',
  'world: clients that sync by themselves',
  'world: clients with several handles',
  'world: late joiners',
  'world: one client too far away',
  'world: several meta stores',
  'world: several page stores',
  'world: several volumes',
  'world: sparse volumes',
]

/** How many seeds it takes before a class that was never met counts as a hole, not as bad luck. */
export const SEEDS_FOR_COVERAGE = 200

/** What happens in any network all the time: it must be met, but a run is worth no more for it. */
const USUAL = 'network: overtaken'

/** How many faults there were. */
export function faultsIn(tally: Tally): number {
  return sumOf(tally, (name) => name !== USUAL && FAULT_GROUPS.some((group) => name.startsWith(group)))
}

/** Faults of one kind: where they strike, how many there were, and how many of each class. */
export interface FaultGroup {
  readonly group: string
  readonly total: number
  readonly classes: readonly (readonly [name: string, count: number])[]
}

/** All faults, by where they strike. */
export function faultGroups(tally: Tally): FaultGroup[] {
  return FAULT_GROUPS.map((prefix) => {
    const classes = tally.entries().flatMap(([name, count]): [string, number][] => {
      return name.startsWith(prefix) && name !== USUAL ? [[name.slice(prefix.length), count]] : []
    })
    return { group: prefix.replace(': ', ''), total: classes.reduce((sum, [, count]) => sum + count, 0), classes }
  })
}

/** How many checks were made. */
export function checksIn(tally: Tally): number {
  return sumOf(tally, (name) => name.startsWith('checks: '))
}

/** How many calls clients made. */
export function operationsIn(tally: Tally): number {
  return sumOf(tally, (name) => name.startsWith('operations: '))
}

/** The classes of faults, recoveries, checks, worlds and work that were never met. */
export function neverMet(tally: Tally): string[] {
  return [...FAULTS, ...RECOVERIES, ...CHECKS, ...WORLDS].filter((name) => tally.count(name) === 0)
}

/** Faults that were counted and that nobody listed above: a new class needs its line there. */
export function unlistedFaults(tally: Tally): string[] {
  const isFault = (name: string): boolean => FAULT_GROUPS.some((group) => name.startsWith(group))
  return tally.entries().flatMap(([name]) => (isFault(name) && !FAULTS.includes(name) ? [name] : []))
}

function sumOf(tally: Tally, isCounted: (name: string) => boolean): number {
  return tally.entries().reduce((sum, [name, count]) => sum + (isCounted(name) ? count : 0), 0)
}
