import type { Splinter } from '@graft-ts/splinter'
import { LSN_NONE, type Lsn, type PageSize, parseLsn, VolumeError, type VolumeId } from '@graft-ts/volume'
import type { Durability, ReadContext } from './context.ts'
import { throwIfAborted } from './errors.ts'
import { type RemoteHead, VolumeLive } from './live/volume-live.ts'
import type { View } from './local/pins.ts'
import { checkFunction, checkNames, type OptionNames } from './option-checks.ts'
import { checkDurability, checkIsolation } from './options.ts'
import { Puller, type PullOptions, type PullResult } from './pull.ts'
import { Pusher, type PushResult } from './push/push.ts'
import { PendingTransactions, type TransactionOutcome } from './push/transactions.ts'
import { PageReader } from './read/page-reader.ts'
import { SerialQueue } from './serial.ts'
import { type SnapshotOptions, VolumeSnapshot } from './snapshot.ts'
import type { Isolation } from './state/local-commit.ts'
import { statusOf } from './status.ts'
import type { Transaction } from './transaction.ts'
import { TransactionRunner } from './transaction-runner.ts'
import type { VolumeCore } from './volume-core.ts'
import type { VolumeStatus } from './volume-status.ts'

const UNCHANGED: TransactionOutcome = { type: 'unchanged', replays: 0 }

interface CallOptions {
  readonly signal?: AbortSignal | undefined
}

/** Options of {@link Volume.transact}. */
export interface TransactOptions extends CallOptions {
  /** Default: the client's. */
  readonly isolation?: Isolation
  /** Default: the client's. */
  readonly durability?: Durability
}

/** A transaction that was committed locally. */
export interface TransactionResult<T> {
  /** What the function returned, in the run that counted when the call ended; with durability `remote` the one in the log. */
  readonly value: T
  /** The local commit's sequence at that time; `undefined`: it only read. */
  readonly sequence: number | undefined
  /**
   * Waits until it is known what became of it, without making anything happen: until a push brings it into the remote log,
   * or stops for good. Asked again after a divergence has ended, it tells what came then.
   *
   * @returns With what the function returned in the run that counts.
   * @throws {@link ClientError} `CLIENT_CLOSED`: it is still pending, see {@link Volume.pending} of the next client.
   */
  outcome(): Promise<TransactionOutcome & { readonly value: T }>
}

/** A local transaction that is not in the remote log yet. */
export interface PendingCommit {
  readonly sequence: number
  /** Pages that it wrote; fresh. */
  readonly pages: Splinter
  /** Whether its function is still in memory, so that it can run again. */
  readonly canRunAgain: boolean
  /** As {@link TransactionResult.outcome}. */
  outcome(): Promise<TransactionOutcome>
}

const CALL_NAMES: OptionNames<CallOptions> = { signal: true }
const SNAPSHOT_NAMES: OptionNames<SnapshotOptions> = { prefetcher: true }
const SNAPSHOT_AT_NAMES: OptionNames<CallOptions & SnapshotOptions> = { ...CALL_NAMES, ...SNAPSHOT_NAMES }
const PULL_NAMES: OptionNames<PullOptions> = { signal: true, atLeast: true }
const TRANSACT_NAMES: OptionNames<TransactOptions> = { signal: true, isolation: true, durability: true }

/** A volume as this client has it: its newest local state, and what it takes to keep that and the remote log together. */
export class Volume {
  readonly volumeId: VolumeId
  readonly #core: VolumeCore
  readonly #readContext: ReadContext
  readonly #reader: PageReader
  readonly #puller: Puller
  readonly #pusher: Pusher
  readonly #pushes = new SerialQueue()
  readonly #transactions = new PendingTransactions()
  readonly #runner: TransactionRunner
  readonly #live: VolumeLive

  /** Made by `Client.createVolume` and `Client.openVolume`. @internal */
  constructor(core: VolumeCore) {
    this.volumeId = core.volumeId
    this.#core = core
    this.#readContext = core.readContext()
    this.#reader = new PageReader(this.#readContext)
    const tools = { core, transactions: this.#transactions, openView: (view: View) => this.#open(view) }
    this.#runner = new TransactionRunner(tools)
    this.#puller = new Puller(core)
    this.#pusher = new Pusher(tools)
    this.#live = new VolumeLive(core)
    // What goes on by itself is nobody's call, also if a transaction's commit was what set it off.
    this.#live.start({ pull: (atLeast) => this.pull({ atLeast }), push: () => this.#inTurn(undefined, () => this.#push({})) })
    const { closing } = core.client
    closing.addEventListener('abort', () => this.#transactions.abandon(closing.reason), { once: true })
  }

  get pageSize(): PageSize {
    return this.#core.pageSize
  }

  /** Where the volume stands. Costs no I/O. */
  status(): VolumeStatus {
    return statusOf(this.#core)
  }

  /**
   * Tells of every change of {@link status}: several at once count as one, and the latest is always told.
   *
   * @returns Ends it.
   */
  onStatus(listener: (status: VolumeStatus) => void): () => void {
    return this.#live.onStatus(listener)
  }

  /**
   * Tells whenever the remote log is known to have grown, by anybody: first if it is longer than what local reads stand on,
   * then each time, with the newest commit, whatever lies between. Nothing is pulled by that. All volumes of a client share
   * one stream of the meta store; it is begun again when it breaks, and where there is none, the store is asked now and then.
   *
   * Ends when the signal fires, when its reader leaves, and when the client is closed. What goes wrong on the way shows in
   * `status().lastError`.
   */
  watch(options: CallOptions = {}): AsyncGenerator<RemoteHead, void, undefined> {
    this.#check(checkNames('watch', options, CALL_NAMES).signal)
    return this.#live.watch(this.#ending(options.signal))
  }

  /**
   * Learns what changed, in one request however long ago the last pull was; fetches no page. While local commits are
   * pending, reads stay where they are, and the answer is only noted.
   *
   * @param options.atLeast Fails if the newest commit is older.
   * @throws `RemoteError`, with `LSN_FUTURE` for `atLeast`; {@link ClientError} `LOCAL_STORE_…`, `ABORTED`, `CLIENT_CLOSED`.
   */
  async pull(options: PullOptions = {}): Promise<PullResult> {
    const { atLeast } = checkNames('pull', options, PULL_NAMES)
    this.#check(options.signal)
    return this.#puller.pull(atLeast === undefined ? undefined : parseLsn(atLeast), this.#ending(options.signal))
  }

  /** Pins the newest local state: the base with the pending commits on top. Close it when it is no longer needed. */
  snapshot(options: SnapshotOptions = {}): VolumeSnapshot {
    this.#check(undefined)
    return this.#open(this.#core.view(), checkNames('snapshot', options, SNAPSHOT_NAMES))
  }

  /**
   * Pins a past commit of the remote log. Its pages are fetched when they are read.
   *
   * @param lsn From 1.
   * @throws `RemoteError` `LSN_FUTURE`, `VOLUME_UNKNOWN`; `VolumeError` `LSN_RANGE`.
   */
  async snapshotAt(lsn: Lsn, options: CallOptions & SnapshotOptions = {}): Promise<VolumeSnapshot> {
    this.#check(checkNames('snapshotAt', options, SNAPSHOT_AT_NAMES).signal)
    // On the wire 0 stands for the newest.
    if (parseLsn(lsn) === LSN_NONE) throw new VolumeError('LSN_RANGE', 'there is no commit before lsn 1, got=0')
    const snapshot = await this.#puller.snapshotAt(lsn, this.#ending(options.signal))
    return this.#open({ base: snapshot, pending: [], pageCount: snapshot.pageCount }, options)
  }

  /**
   * Runs a function on the newest local state and commits what it wrote, locally and whole or not at all. It may run
   * several times: now, when another local transaction was faster, and later, when a push meets commits of others that
   * it overlaps with. It must have no effects but through its argument.
   *
   * @throws What the function throws, nothing being left behind then; {@link ClientError} `TRANSACTION_CONFLICT` if others
   * were faster each time, `TRANSACTION_TOO_LARGE`, `LOCAL_STORE_…`. With durability `remote` also what {@link push}
   * throws; the transaction then stays pending.
   */
  async transact<T>(
    run: (transaction: Transaction) => Promise<T> | T,
    options: TransactOptions = {},
  ): Promise<TransactionResult<T>> {
    checkNames('transact', options, TRANSACT_NAMES)
    const { client } = this.#core
    const durability = checkDurability(options.durability ?? client.durability, client.isStateless)
    const isolation = checkIsolation(options.isolation ?? client.isolation)
    if (durability === 'remote') this.#runner.checkOutside('transact')
    const committed = await this.#runner.commit(run, { isolation, durability, signal: options.signal })
    const { sequence, pending } = committed
    if (durability === 'remote' && sequence !== undefined) await this.push({ signal: options.signal })
    const outcome = async (): Promise<TransactionOutcome & { readonly value: T }> => {
      const settled = pending === undefined ? UNCHANGED : await this.#runner.outcomeOf(pending)
      return { ...settled, value: committed.value }
    }
    return { value: committed.value, sequence, outcome }
  }

  /** Local transactions that are not in the remote log yet, oldest first; also those that an earlier client has left here. */
  pending(): PendingCommit[] {
    return this.#core.state.pending.map(({ sequence, own }) => {
      const pending = this.#transactions.get(sequence)
      return {
        sequence,
        pages: own.clone(),
        canRunAgain: pending.replayable !== undefined,
        outcome: () => this.#runner.outcomeOf(pending),
      }
    })
  }

  /**
   * Brings pending local commits into the remote log, as one commit if they fit into one, or goes on with a push that was
   * interrupted.
   *
   * @throws {@link ClientError} `PUSH_DIVERGED` (see `status().divergence`, {@link resubmit}, {@link reset}), `PUSH_CONTENDED`,
   * `CALL_IN_TRANSACTION`, `LOCAL_STORE_…`; `RemoteError`. Whatever it throws, local commits stay pending (I12).
   */
  push(options: CallOptions = {}): Promise<PushResult> {
    return this.#waiting('push', options, () => this.#push(options))
  }

  /**
   * Ends a divergence by pushing again what is pending: merging, and running functions again, on what is the remote log now.
   * After `attempt-expired` this accepts that what was sent before may be in the log already, and will be there twice.
   *
   * @throws As {@link push}; `PUSH_DIVERGED` if it comes to the same.
   */
  resubmit(options: CallOptions = {}): Promise<PushResult> {
    return this.#waiting('resubmit', options, async () => {
      if (this.#core.state.divergence !== undefined) await this.#core.resubmit()
      return this.#push(options)
    })
  }

  /**
   * Drops all pending local commits and whatever was under way, and goes on from the newest remote commit known. An
   * attempt that was sent may still turn up in the remote log, as a commit like any other.
   */
  reset(): Promise<void> {
    return this.#waiting('reset', {}, async () => {
      await this.#core.reset()
      this.#transactions.dropped()
      // What could not be pushed need not be any more.
      this.#core.health.recovered('push')
    })
  }

  /** See `Client.forget`. @internal */
  forget(options: { readonly discardPending: boolean }): Promise<void> {
    return this.#core.forget(options)
  }

  /** Settles when nothing of this volume is under way in the local store. @internal */
  async idle(): Promise<void> {
    await this.#pushes.idle()
    await this.#core.queue.idle()
  }

  /** What is kept for the next client when this one is closed. @internal */
  keepConfirmation(): Promise<void> {
    return this.#core.keepConfirmation()
  }

  async #push(options: CallOptions): Promise<PushResult> {
    try {
      const result = await this.#pusher.push(this.#ending(options.signal))
      if (result.type === 'pushed') this.#core.succeeded('push')
      return result
    } catch (error) {
      this.#core.failed('push', error)
      throw error
    }
  }

  /** A call that waits for its turn, and so cannot be made by what the others wait for. */
  async #waiting<T>(call: string, options: CallOptions, step: () => Promise<T>): Promise<T> {
    this.#runner.checkOutside(call)
    return this.#inTurn(checkNames(call, options, CALL_NAMES).signal, step)
  }

  /** Steps of pushing, one after the other. */
  #inTurn<T>(signal: AbortSignal | undefined, step: () => Promise<T>): Promise<T> {
    return this.#pushes.runUntilAborted(this.#ending(signal), () => {
      this.#check(signal)
      return step()
    })
  }

  #open(view: View, { prefetcher }: SnapshotOptions = {}): VolumeSnapshot {
    return new VolumeSnapshot(this.#readContext, this.#reader, view, checkFunction('prefetcher', prefetcher))
  }

  /** Fires when the caller gives up, and when the client is closed. */
  #ending(signal: AbortSignal | undefined): AbortSignal {
    const { closing } = this.#core.client
    return signal === undefined ? closing : AbortSignal.any([signal, closing])
  }

  #check(signal: AbortSignal | undefined): void {
    throwIfAborted(signal)
    throwIfAborted(this.#core.client.closing)
  }
}
