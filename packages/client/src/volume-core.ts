import type { PullAnswer } from '@graft-ts/protocol'
import { Splinter } from '@graft-ts/splinter'
import { type Changes, LSN_NONE, type Lsn, type PageSize, type Snapshot, type VolumeId } from '@graft-ts/volume'
import type { ClientContext, ReadContext } from './context.ts'
import { ClientError } from './errors.ts'
import { RemoteHealth, type RemoteOperation } from './live/remote-health.ts'
import type { View } from './local/pins.ts'
import type { VolumeStore } from './local/volume-store.ts'
import { VolumeMemory } from './read/volume-memory.ts'
import { type RunningTransaction, RunningTransactions } from './running-transactions.ts'
import { SerialQueue } from './serial.ts'
import type { Divergence } from './state/divergence.ts'
import { type LocalCommit, newestVersions, pageCountAfter, pageCountAfterAll } from './state/local-commit.ts'
import { overlaps } from './state/overlap.ts'
import {
  acknowledged,
  changesOf,
  commitsOf,
  diverged,
  firstOverlap,
  mayMoveBase,
  onBase,
  resubmitted,
  type SentAttempt,
  type VolumeState,
  withCommit,
  withRemote,
} from './state/volume-state.ts'
import type { TransactionEffects } from './transaction.ts'

// How often it is kept in the local store that nothing is new.
const CONFIRMATION_KEPT_MS = 60_000

const NO_CHANGES: Changes = { pages: new Splinter(), floor: undefined }

/**
 * One volume's state, and every step that changes it. A step runs alone: it writes one atomic batch to the local store,
 * and only then does anybody see the new state.
 */
export class VolumeCore implements Pick<ReadContext, 'volumeId' | 'memory' | 'store' | 'queue'> {
  readonly volumeId: VolumeId
  readonly client: ClientContext
  readonly memory: VolumeMemory
  readonly store: VolumeStore
  readonly queue: SerialQueue
  readonly #forgetting = new AbortController()
  readonly running: RunningTransactions = new RunningTransactions()
  #visible: VolumeState
  // Of the state as it was when somebody asked: to go over all pending commits each time takes longer than to commit.
  #head: View | undefined
  #epoch = 0
  #keptConfirmationMs: number | undefined
  readonly health: RemoteHealth
  /** Told whenever something about the volume has changed. */
  onChange: () => void = () => undefined

  constructor(options: { volumeId: VolumeId; client: ClientContext; store: VolumeStore; state: VolumeState }) {
    this.volumeId = options.volumeId
    const closing = AbortSignal.any([options.client.closing, this.#forgetting.signal])
    this.client = { ...options.client, closing }
    this.memory = new VolumeMemory(options.client.cache)
    this.store = options.store
    this.queue = options.store.queue
    this.#visible = options.state
    this.#keptConfirmationMs = options.state.confirmedAtMs
    const { idSource } = options.client
    this.health = new RemoteHealth({ nowMs: () => idSource.nowMs(), onChange: () => this.onChange() })
  }

  get state(): VolumeState {
    return this.#visible
  }

  /** The newest remote commit that is known, whether or not what changed up to it is. */
  get knownHead(): Lsn {
    const { base, remote } = this.#visible
    return Math.max(base.lsn, remote?.snapshot.lsn ?? LSN_NONE, this.health.heardLsn) as Lsn
  }

  get #state(): VolumeState {
    return this.#visible
  }

  set #state(state: VolumeState) {
    this.#visible = state
    this.onChange()
  }

  /** The page count of the local head. */
  get pageCount(): number {
    return this.#headView().pageCount
  }

  get pageSize(): PageSize {
    return this.#state.pageSize
  }

  /** What readers of this volume work with. */
  readContext(): ReadContext {
    const pageSize = (): PageSize => this.pageSize
    return {
      ...this.client,
      volumeId: this.volumeId,
      // `reset` may bring another one, where somebody else created the volume.
      get pageSize() {
        return pageSize()
      },
      memory: this.memory,
      store: this.store,
      queue: this.queue,
      base: () => this.#state.base,
      epoch: () => this.#epoch,
      onKeepFailed: (error) => this.failed('read', error),
      onFetchFailed: (error) => this.failed('read', error),
      onFetched: () => this.health.recovered('read'),
    }
  }

  /** The local head: the base with all pending commits. A view of its own for each caller. */
  view(): View {
    return { ...this.#headView() }
  }

  #headView(): View {
    const { base, pending } = this.#state
    if (this.#head?.base !== base || this.#head.pending !== pending) this.#head = viewOf(base, pending)
    return this.#head
  }

  /** Remembers how a call to a server ended badly. */
  failed(operation: RemoteOperation, error: unknown): void {
    this.health.failed(operation, error)
  }

  /** Remembers that a call to the meta store ended well, after which everything that it told is known here. */
  succeeded(operation: RemoteOperation): void {
    this.#visible = this.#confirmed(this.#visible)
    this.health.succeeded(operation)
    const sinceMs = (this.#visible.confirmedAtMs ?? 0) - (this.#keptConfirmationMs ?? 0)
    // Either way: the clock may have been set back.
    if (Math.abs(sinceMs) >= CONFIRMATION_KEPT_MS) void this.keepConfirmation()
  }

  /** Keeps in the local store when local reads were last known to be up to date. Where that fails, they look staler next time. */
  async keepConfirmation(): Promise<void> {
    await this.queue
      .run(async () => {
        const { confirmedAtMs } = this.#state
        if (confirmedAtMs === this.#keptConfirmationMs) return
        this.#keptConfirmationMs = confirmedAtMs
        await this.store.saveConfirmation(this.#state)
      })
      .catch(() => undefined)
  }

  /** A state that an answer has just led to: with this time, unless something newer is known. */
  #confirmed(state: VolumeState): VolumeState {
    const { base, remote } = state
    const head = Math.max(remote?.snapshot.lsn ?? LSN_NONE, this.health.heardLsn)
    return base.lsn >= head ? { ...state, confirmedAtMs: this.client.idSource.nowMs() } : state
  }

  /**
   * Commits a transaction locally, unless what happened since it began touches what it stands on.
   *
   * @returns The commit; `undefined`: the transaction has to run again.
   */
  commitLocally(running: RunningTransaction, effects: TransactionEffects, sync: boolean): Promise<LocalCommit | undefined> {
    return this.queue.run(async () => {
      const before = this.#state
      const pageCountBefore = this.pageCount
      const isOverlapping = overlaps(effects.commit, running.changes, pageCountBefore !== running.view.pageCount)
      if (running.isOutdated || isOverlapping) return undefined
      const pageCount = pageCountAfter(effects.commit, pageCountBefore)
      // Taken at once: a transaction that runs again may ask for one while the batch is being written.
      const commit: LocalCommit = { ...effects.commit, pageCount, sequence: this.reserveSequence() }
      const after = withCommit(before, commit)
      await this.store.addCommit(after, commit, effects.pages, sync)
      // What may have changed meanwhile, outside the queue: sequences that were reserved, a divergence.
      this.#state = { ...this.#state, pending: after.pending }
      this.#head = { base: before.base, pending: after.pending, pageCount }
      for (const [pageIndex, page] of effects.pages) this.memory.keepLocal(commit.sequence, pageIndex, page)
      this.running.tell(changesOf(commit), running)
      return commit
    })
  }

  /**
   * Takes note of a pull's answer, and moves to it if nothing local stands on the present base.
   *
   * @param since The base that was asked about.
   * @returns Whether the base is at least as new as the answer now; `undefined`: the base has moved since the question, ask again.
   */
  applyPull(since: Lsn, answer: PullAnswer): Promise<boolean | undefined> {
    return this.queue.run(async () => {
      const before = this.#state
      if (answer.snapshot.lsn <= before.base.lsn) return true
      if (before.base.lsn !== since) return undefined
      if (!mayMoveBase(before)) {
        this.#state = withRemote(before, answer)
        return false
      }
      const { pageSize } = answer.snapshot
      if (before.base.lsn !== LSN_NONE) this.#checkPageSize(answer.snapshot)
      await this.#moveBase(this.#confirmed({ ...onBase(before, answer.snapshot), pageSize }), answer.changes)
      // Somebody else has created the volume.
      if (pageSize !== before.pageSize) this.running.outdate()
      return true
    })
  }

  /**
   * Moves pending commits to a newer base, unless one of them stands on something that changed up to it.
   *
   * @returns `undefined` when it is done; else the index of the first pending commit that overlaps, and nothing happened.
   */
  rebase(answer: PullAnswer): Promise<number | undefined> {
    return this.queue.run(async () => {
      const overlap = firstOverlap(this.#state, answer)
      if (overlap === undefined) await this.#moveBase(onBase(this.#state, answer.snapshot), answer.changes)
      return overlap
    })
  }

  /** Records what is under way to the remote log. `sync` for what must be durable before it is sent (I6). */
  savePush(change: (state: VolumeState) => Pick<VolumeState, 'sent' | 'isRefused' | 'uploads'>, sync: boolean): Promise<void> {
    return this.queue.run(async () => {
      const after = { ...this.#state, ...change(this.#state) }
      await this.store.savePush(after, sync)
      this.#state = { ...this.#state, sent: after.sent, isRefused: after.isRefused, uploads: after.uploads }
    })
  }

  /** Turns the commits of an attempt into the remote commit that they became. Moves no open view. */
  acknowledge(attempt: SentAttempt, changes: Changes, snapshot: Snapshot): Promise<void> {
    return this.queue.run(async () => {
      const before = this.#state
      const after = this.#confirmed(acknowledged(before, attempt, snapshot))
      const commits = commitsOf(before, attempt)
      await this.store.acknowledge(before, after, commits, changes)
      this.memory.drop(changes)
      for (const { sequence, pages } of newestVersions(commits)) this.memory.adopt(sequence, pages, snapshot.lsn)
      this.#become(after)
    })
  }

  /** A sequence for a local commit that is not visible yet. */
  reserveSequence(): number {
    const sequence = this.#state.nextSequence
    this.#state = { ...this.#state, nextSequence: sequence + 1 }
    return sequence
  }

  /**
   * Replaces pending commits by others on a newer base.
   *
   * @param expected The pending commits that are replaced. If there are others by now, nothing happens.
   * @returns Whether it happened.
   */
  replacePending(expected: readonly LocalCommit[], pending: readonly LocalCommit[], answer: PullAnswer): Promise<boolean> {
    return this.queue.run(async () => {
      const before = this.#state
      const isExpected = before.pending.length === expected.length && before.pending.every((commit, i) => commit === expected[i])
      if (!isExpected) return false
      const after = { ...onBase(before, answer.snapshot), pending, uploads: [] }
      await this.#replace(after, answer.changes)
      return true
    })
  }

  /** Stops pushing. Kept over a restart. */
  diverge(divergence: Divergence): Promise<void> {
    return this.#decide((state) => diverged(state, divergence))
  }

  /** Lets pushing go on after a divergence. */
  resubmit(): Promise<void> {
    return this.#decide(resubmitted)
  }

  /** Drops everything that is pending, and goes on from the newest remote commit known. */
  reset(): Promise<void> {
    return this.queue.run(async () => {
      const before = this.#state
      const target = before.remote ?? { snapshot: before.base, changes: NO_CHANGES }
      const after = { ...onBase(before, target.snapshot), pageSize: target.snapshot.pageSize, pending: [], uploads: [] }
      await this.#replace(after, target.changes)
    })
  }

  /**
   * The first step of dropping everything that the volume has here, after which nothing else can be done with this object.
   *
   * @throws ClientError `VOLUME_PENDING` if local commits are pending and `discardPending` is not set.
   */
  forget({ discardPending }: { readonly discardPending: boolean }): Promise<void> {
    return this.queue.run(async () => {
      const pending = this.#state.pending.length
      if (pending > 0 && !discardPending) {
        throw new ClientError('VOLUME_PENDING', `local commits are not pushed yet, volume=${this.volumeId} commits=${pending}`)
      }
      await this.store.forget()
      const error = new ClientError('VOLUME_FORGOTTEN', `the volume was forgotten, volume=${this.volumeId}`)
      this.queue.end(error)
      this.#forgetting.abort(error)
      this.memory.clear()
    })
  }

  /** Clears away what transactions wrote that ran again for nothing. */
  async dropUnfinished(): Promise<void> {
    if (this.store.leftovers.hasUnfinished) await this.queue.run(() => this.store.pages.dropInvisible([], this.pageSize))
  }

  /** A step that changes nothing but what is under way. */
  #decide(decision: (state: VolumeState) => VolumeState): Promise<void> {
    return this.queue.run(async () => {
      const { sent, isRefused, remote, divergence } = decision(this.#state)
      await this.store.savePush({ ...this.#state, sent, isRefused, remote, divergence }, true)
      this.#state = { ...this.#state, sent, isRefused, remote, divergence }
    })
  }

  /** Moves to a state with other pending commits. */
  async #replace(after: VolumeState, changes: Changes): Promise<void> {
    const before = this.#state
    await this.store.replaceCommits(before, after, this.#endedBy(changes))
    this.memory.drop(changes)
    this.#become(after)
    this.running.outdate()
    // Only now nobody can open a view of the old commits any more. What stays behind if this fails is swept by the next owner.
    await this.store.dropReplaced(before, after).catch((error: unknown) => this.failed('push', error))
  }

  async #moveBase(after: VolumeState, changes: Changes): Promise<void> {
    await this.store.moveBase(this.#state, after, this.#endedBy(changes))
    this.memory.drop(changes)
    this.#become(after)
    this.running.tell(changes, undefined)
  }

  /** What a move to a newer base ends in the local store: nothing where the base was the empty volume. */
  #endedBy(changes: Changes): Changes {
    return this.#state.base.lsn === LSN_NONE ? NO_CHANGES : changes
  }

  #become(after: VolumeState): void {
    this.#state = { ...after, nextSequence: Math.max(after.nextSequence, this.#state.nextSequence) }
    this.#epoch++
  }

  #checkPageSize(snapshot: Snapshot): void {
    if (snapshot.pageSize === this.pageSize) return
    throw new ClientError('REMOTE_ANSWER', `the volume has another page size, got=${snapshot.pageSize} expected=${this.pageSize}`)
  }
}

/** The view of pending commits on a base. */
export function viewOf(base: Snapshot, pending: readonly LocalCommit[]): View {
  return { base, pending, pageCount: pageCountAfterAll(base, pending) }
}
