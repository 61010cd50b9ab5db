import type { VolumeSnapshot } from '@graft-ts/client'
import { isTypedError } from '@graft-ts/volume'
import { checkView, expectationOf, journalPages, type ViewExpectation } from '../checkers/view-checker.ts'
import type { ClientLife, ClientNode } from '../client-node.ts'
import type { PageContent } from '../model/page-content.ts'
import type { Transactions } from '../model/transactions.ts'
import type { Random } from '../random.ts'
import type { Tally } from '../tally.ts'
import type { KnownVolume } from '../volumes.ts'

/** What operations work with. */
export interface SessionOptions {
  readonly node: ClientNode
  readonly life: ClientLife
  readonly transactions: Transactions
  readonly tally: Tally
  readonly onViolation: (violation: unknown) => void
}

/** What the application on one client knows and keeps account of in one of its lives. */
export class Session {
  readonly node: ClientNode
  readonly life: ClientLife
  readonly transactions: Transactions
  readonly tally: Tally
  readonly onViolation: (violation: unknown) => void
  readonly random: Random
  /** The oldest state that read-only transactions can have seen: from then on none may be older. */
  readonly seen: Map<KnownVolume, number> = new Map()
  readonly #running = new Map<KnownVolume, number>()
  readonly #resetting = new Set<KnownVolume>()

  constructor(options: SessionOptions) {
    this.node = options.node
    this.life = options.life
    this.transactions = options.transactions
    this.tally = options.tally
    this.onViolation = options.onViolation
    this.random = options.life.process.random.fork()
  }

  /** Writes a line into the event log. */
  note(text: string): void {
    this.life.process.scheduler.note(`${this.node.name}: ${text}`)
  }

  /** Whether a reset is under way, so that nobody knows what a crash leaves. */
  isResetting(volume: KnownVolume): boolean {
    return this.#resetting.has(volume)
  }

  /** Whether transactions are running on a volume. */
  isBusy(volume: KnownVolume): boolean {
    return (this.#running.get(volume) ?? 0) > 0
  }

  /** Has it known that a transaction runs. */
  async whileRunning<T>(volume: KnownVolume, work: () => Promise<T>): Promise<T> {
    this.#count(volume, 1)
    try {
      return await work()
    } finally {
      this.#count(volume, -1)
    }
  }

  /** Has it known that a volume is being reset. */
  async whileResetting(volume: KnownVolume, reset: () => Promise<void>): Promise<void> {
    this.#resetting.add(volume)
    try {
      await reset()
    } finally {
      this.#resetting.delete(volume)
    }
  }

  /** A signal with which the application gives up on a call, now and then. */
  impatience(share: number, msMax: number): AbortSignal | undefined {
    if (!this.random.chance(share)) return undefined
    this.tally.add('application: gave up on a call')
    return this.signalAfter(this.random.between(1, msMax))
  }

  /** A signal that fires after a time. */
  signalAfter(delayMs: number): AbortSignal {
    const controller = new AbortController()
    this.life.process.timers.start(() => controller.abort(new Error('the application gave up')), delayMs)
    return controller.signal
  }

  /** What a snapshot must show that is opened now. */
  expectation(known: KnownVolume): ViewExpectation {
    // What is pending goes at some moment before the reset says so.
    if (this.isResetting(known)) return { definite: [], uncertain: [] }
    return expectationOf(this.transactions, this.node.name, known, this.node.epoch(known))
  }

  /** Draws pages to look at: the client's whole journal, and a share of the others. */
  pagesOf(known: KnownVolume, snapshot: VolumeSnapshot, share: number): number[] {
    const { layout } = known
    const others = [...layout.accounts, ...layout.registers, ...layout.lists, layout.header, ...layout.tree]
    const tail = Array.from({ length: 30 }, (_, i) => layout.tail + i)
    const chosen = [...others, ...tail].filter(() => this.random.chance(share))
    return [...journalPages(known, this.node.name), ...chosen].filter((page) => page <= snapshot.pageCount + 3)
  }

  /** Checks what a snapshot shows, and learns from it what was left open. */
  checkView(
    snapshot: VolumeSnapshot,
    contents: ReadonlyMap<number, PageContent>,
    volume: KnownVolume,
    expectation: ViewExpectation,
  ): void {
    const { node, transactions, tally } = this
    const shown = new Set(
      checkView(snapshot, contents, { client: node.name, volume, transactions }, expectation).map((run) => run.transaction),
    )
    tally.add('checks: views')
    for (const transaction of expectation.uncertain) {
      if (transaction.state !== 'uncertain') continue
      if (shown.has(transaction) || transaction.lsn !== undefined) transaction.state = 'local'
      else transaction.state = node.halfReset.has(volume) ? 'dropped' : 'lost'
    }
    node.halfReset.delete(volume)
  }

  #count(known: KnownVolume, by: number): void {
    this.#running.set(known, (this.#running.get(known) ?? 0) + by)
  }
}

/** The code of a typed error. */
export function codeOf(error: unknown): string | undefined {
  return isTypedError(error) ? error.code : undefined
}
