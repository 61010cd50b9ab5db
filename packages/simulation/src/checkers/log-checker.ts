import type { MemoryStore } from '@graft-ts/storage-adapters/memory'
import { type CommitRecord, decodeCommit } from '@graft-ts/volume'
import { sha256 } from '@noble/hashes/sha2.js'
import type { Run, Transaction, Transactions } from '../model/transactions.ts'
import type { ModelCommit } from '../model/volume-model.ts'
import { WorkingState } from '../model/working-state.ts'
import type { StoreWatcher } from '../object-storage.ts'
import type { Tally } from '../tally.ts'
import { mustHold, Violation } from '../violation.ts'
import type { KnownVolume, Volumes } from '../volumes.ts'
import { readCommitContent } from './commit-content.ts'
import { checkSerializable, checkSnapshotIsolation } from './isolation.ts'

const COMMIT_KEY = /^volumes\/([^/]+)\/commits\/([0-9a-f]{16})$/

/** What a log checker works with. */
export interface LogCheckerOptions {
  readonly objects: MemoryStore
  readonly volumes: Volumes
  readonly transactions: Transactions
  /** The node that a client id belongs to. */
  readonly nodeOf: (clientId: string) => string | undefined
  readonly nowMs: () => number
  readonly tally: Tally
  readonly onViolation: (violation: unknown) => void
}

/** Looks at every commit as it appears in the object store: is it one that may be there? */
export class LogChecker implements StoreWatcher {
  readonly #options: LogCheckerOptions
  #work: Promise<void> = Promise.resolve()
  readonly #hashes = new Map<number, Uint8Array>()

  constructor(options: LogCheckerOptions) {
    this.#options = options
  }

  created(key: string, bytes: Uint8Array): void {
    const parts = COMMIT_KEY.exec(key)
    if (parts === null) return
    // Commits that appear in one step are looked at one after the other; none of it waits for anything but promises.
    this.#work = this.#work
      .then(() => this.#check(parts[1] as string, Number.parseInt(parts[2] as string, 16), bytes))
      .catch(this.#options.onViolation)
  }

  changed(key: string, how: string): void {
    if (COMMIT_KEY.test(key)) this.#options.onViolation(new Violation('I2', `a commit was changed, how=${how} key=${key}`))
  }

  listed(prefix: string): void {
    const { onViolation } = this.#options
    onViolation(new Violation('simulation', `objects are listed, and no listing is ever stale here, prefix=${prefix}`))
  }

  async #check(volumeId: string, lsn: number, bytes: Uint8Array): Promise<void> {
    const { volumes, objects, nowMs, tally } = this.#options
    const volume = volumes.byId(volumeId)
    const { record, byteLength } = decodeCommit(bytes)
    this.#checkPlace(volume, record, lsn)
    const previous = this.#hashes.get(volume.number)
    const isLinked = lsn === 1 || (previous !== undefined && record.previousHash.every((byte, i) => byte === previous[i]))
    mustHold(isLinked, 'I2', () => `commit ${lsn} does not follow from the one before it`)
    this.#hashes.set(volume.number, sha256(bytes.subarray(0, byteLength)))
    const own = await readCommitContent(record, bytes.subarray(byteLength), volume.number, objects)
    const { commitId, clientId, pageCount, floor } = record
    const commit: ModelCommit = { lsn, commitId, clientId, pageCount, floor, own, atMs: nowMs() }
    this.#checkTransactions(volume, commit)
    volume.model.append(commit)
    tally.add('checks: commits')
  }

  #checkPlace(volume: KnownVolume, record: CommitRecord, lsn: number): void {
    mustHold(record.lsn === lsn, 'I2', () => `commit ${record.lsn} lies at the place of ${lsn}`)
    mustHold(lsn === volume.model.head + 1, 'I2', () => `commit ${lsn} was created when the head was ${volume.model.head}`)
    mustHold(record.pageSize === volume.pageSize, 'I2', () => `the page size changed to ${record.pageSize}`)
  }

  #checkTransactions(volume: KnownVolume, commit: ModelCommit): void {
    const { nodeOf, tally } = this.#options
    const client = nodeOf(commit.clientId)
    if (client === undefined) throw new Violation('I2', `commit ${commit.lsn} is of a client that does not exist`)
    const runs = this.#runsOf(volume, commit, client)
    this.#checkComplete(client, volume, runs)
    const working = new WorkingState(volume.model.state(volume.model.head))
    const own = new Set(runs.map(({ stamp }) => stamp))
    for (const run of runs) {
      if (run.transaction.isolation === 'serializable') checkSerializable(run, working)
      else {
        checkSnapshotIsolation(run, volume.model, own, commit.clientId)
        tally.add('checks: committed transactions with snapshot isolation')
      }
      working.apply(run)
      run.transaction.lsn = commit.lsn
      run.transaction.committed = run
      tally.add('checks: committed transactions')
    }
    checkSameState(commit, working)
  }

  /** The runs that a commit holds, in their order: each has left its mark in its client's journal. */
  #runsOf(volume: KnownVolume, commit: ModelCommit, client: string): Run[] {
    const runs: Run[] = []
    for (const [pageIndex, { stamp }] of commit.own) {
      const run = this.#options.transactions.run(stamp)
      mustHold(
        run?.transaction.client === client && run.transaction.volume === volume.number,
        'I3',
        () => `commit ${commit.lsn} of ${client} holds page ${pageIndex} of somebody else, stamp=${stamp}`,
      )
      if (pageIndex === volume.layout.journalPage(client, run.transaction.slot)) runs.push(run)
    }
    for (const run of runs) {
      const { transaction } = run
      mustHold(
        transaction.lsn === undefined,
        'I6',
        () => `transaction ${transaction.id} of ${client} is in the log twice, lsn=${transaction.lsn} and ${commit.lsn}`,
      )
      mustHold(run.endedAt !== undefined, 'I3', () => `commit ${commit.lsn} holds a run that has not ended, stamp=${run.stamp}`)
      mustHold(
        transaction.state !== 'failed' && transaction.state !== 'lost',
        'I3',
        () => `commit ${commit.lsn} holds transaction ${transaction.id} of ${client}, which is ${transaction.state}`,
      )
    }
    return runs.sort((a, b) => (a.endedAt as number) - (b.endedAt as number))
  }

  /** I12: what was committed locally before something else is not passed over. */
  #checkComplete(client: string, volume: KnownVolume, runs: readonly Run[]): void {
    const included = new Set(runs.map(({ transaction }) => transaction))
    const last = runs.reduce((most, { transaction }) => Math.max(most, transaction.sequence ?? 0), 0)
    const epoch = runs.at(-1)?.transaction.epoch
    const isPassedOver = (transaction: Transaction): boolean =>
      transaction.state === 'local' &&
      transaction.epoch === epoch &&
      transaction.lsn === undefined &&
      !included.has(transaction) &&
      (transaction.sequence ?? Number.POSITIVE_INFINITY) < last
    const passedOver = this.#options.transactions.of(client, volume.number).find(isPassedOver)
    mustHold(passedOver === undefined, 'I12', () => `transaction ${passedOver?.id} of ${client} was passed over by a commit`)
  }
}

/** The commit must say exactly what its transactions did: pages, length and floor (I5). */
function checkSameState(commit: ModelCommit, working: WorkingState): void {
  const { lsn, own, pageCount, floor } = commit
  mustHold(pageCount === working.pageCount, 'I5', () => `commit ${lsn} has ${pageCount} pages, expected ${working.pageCount}`)
  mustHold(floor === working.floor, 'I5', () => `commit ${lsn} has floor ${floor}, expected ${working.floor}`)
  mustHold(
    own.size === working.written.size,
    'I3',
    () => `commit ${lsn} has ${own.size} own pages, expected ${working.written.size}`,
  )
  for (const [pageIndex, expected] of working.written) {
    const there = own.get(pageIndex)
    mustHold(
      there?.stamp === expected.stamp && there.value === expected.value,
      'I3',
      () => `commit ${lsn} has page ${pageIndex} with stamp ${there?.stamp}, expected ${expected.stamp}`,
    )
  }
}
