import type { TransactionOutcome, Volume, VolumeSnapshot } from '@graft-ts/client'
import { isTypedError, type Lsn, type TypedError } from '@graft-ts/volume'
import { checkReadsOneState } from './checkers/isolation.ts'
import { checkView, expectationOf, journalPages, readContents, type ViewExpectation } from './checkers/view-checker.ts'
import type { ClientLife, ClientNode } from './client-node.ts'
import type { PageContent } from './model/page-content.ts'
import type { Transaction, Transactions } from './model/transactions.ts'
import type { Random } from './random.ts'
import type { Tally } from './tally.ts'
import { textOf } from './texts.ts'
import { mustHold, Violation } from './violation.ts'
import type { KnownVolume } from './volumes.ts'
import { instrumented } from './workloads/instrumented.ts'
import { JOURNAL_SLOTS } from './workloads/layout.ts'
import { drawWork } from './workloads/work.ts'

const HELD_MAX = 3
/** What a call may cost at most: as many conflicts as a push takes, each with its retries, its uploads and its reads. */
const REQUESTS_MAX = 1_000

/** Errors for which there is no cause in this world, whatever goes wrong: nothing is ever deleted or damaged at rest. */
const NEVER: Readonly<Record<string, string>> = {
  LOCAL_STORE_CORRUPT: 'I12',
  LOCAL_STORE_VERSION: 'I12',
  READ_INCOMPLETE: 'I8',
  REMOTE_ANSWER: 'I11',
  SEGMENT_MISSING: 'I1',
  PAGE_UNLOCATED: 'I3',
  COMMIT_MISSING: 'I3',
  LSN_FUTURE: 'I3',
  VOLUME_UNKNOWN: 'I3',
  SNAPSHOT_CLOSED: 'I4',
}

interface Held {
  readonly snapshot: VolumeSnapshot
  readonly volume: KnownVolume
  readonly expectation: ViewExpectation
  contents: ReadonlyMap<number, PageContent> | undefined
}

/** What operations work with. */
export interface OperationsOptions {
  readonly node: ClientNode
  readonly life: ClientLife
  readonly transactions: Transactions
  readonly tally: Tally
  readonly onViolation: (violation: unknown) => void
}

/** A call of the application. */
export type OperationName = 'transact' | 'push' | 'pull' | 'audit' | 'hold' | 'revisit' | 'past' | 'hydrate' | 'reset'

const WEIGHTS: readonly (readonly [number, OperationName])[] = [
  [44, 'transact'],
  [17, 'push'],
  [12, 'pull'],
  [10, 'audit'],
  [4, 'hold'],
  [5, 'revisit'],
  [4, 'past'],
  [2, 'hydrate'],
  [4, 'reset'],
]

/** Everything that the application on one client does in one of its lives, and what must come of it. */
export class Operations {
  readonly #options: OperationsOptions
  readonly #random: Random
  readonly #held: Held[] = []
  readonly #running = new Map<KnownVolume, number>()
  readonly #resetting = new Set<KnownVolume>()

  constructor(options: OperationsOptions) {
    this.#options = options
    this.#random = options.life.process.random.fork()
  }

  /** Whether a reset is under way, so that nobody knows what a crash leaves. */
  isResetting(volume: KnownVolume): boolean {
    return this.#resetting.has(volume)
  }

  /** Draws a call to make. */
  draw(): readonly [OperationName, KnownVolume] {
    return [this.#random.weighted(WEIGHTS), this.#random.pick([...this.#options.life.volumes.keys()])]
  }

  /** Makes a call. Typed errors are part of life; anything else is a violation. Says whether it ended well. */
  async run(name: OperationName, volume: KnownVolume): Promise<boolean> {
    const { tally, onViolation, life } = this.#options
    const requestsBefore = life.process.requests
    try {
      tally.add(`operations: ${name}`)
      this.#note(`${name}, volume ${volume.number}`)
      await this.#operations[name](volume, this.#volume(volume))
      this.#note(`${name} ended`)
      return true
    } catch (error) {
      this.#note(`${name} failed, ${codeOf(error) ?? textOf(error)}`)
      if (error instanceof Violation) onViolation(error)
      else if (isTypedError(error)) this.#outcome(name, error)
      else
        onViolation(
          new Violation('I11', `${name} failed with something that is no typed error: ${textOf(error)}`, { cause: error }),
        )
      return false
    } finally {
      this.#checkRequests(name, life.process.requests - requestsBefore)
    }
  }

  /** However long a call is tried, it is not tried for ever; other calls at the same time are counted along. */
  #checkRequests(name: OperationName, requests: number): void {
    if (requests <= REQUESTS_MAX) return
    this.#options.onViolation(new Violation('unbounded', `${name} of ${this.#options.node.name} took ${requests} requests`))
  }

  #outcome(name: OperationName, error: TypedError): void {
    const { tally, onViolation, node } = this.#options
    tally.add(`outcome of ${name}: ${error.code}`)
    const meaning = NEVER[error.code] ?? (error.kind === 'invalid' ? 'I11' : undefined)
    if (meaning !== undefined) onViolation(new Violation(meaning, `${name} of ${node.name} failed with ${textOf(error)}`))
  }

  readonly #operations: Readonly<Record<OperationName, (known: KnownVolume, volume: Volume) => Promise<void>>> = {
    transact: (known, volume) => this.#transact(known, volume),
    push: (known, volume) => this.#push(known, volume),
    pull: async (known, volume) => {
      const { lsn } = volume.status().base
      await volume.pull()
      this.#checkBase(known, volume, lsn)
    },
    audit: (known, volume) => this.audit(known, volume),
    hold: (known, volume) => this.#hold(known, volume),
    revisit: () => this.#revisit(),
    past: (known, volume) => this.#past(known, volume),
    hydrate: (known, volume) => this.#hydrate(known, volume),
    reset: (known, volume) => this.#reset(known, volume),
  }

  /** Reads the client's whole journal and some other pages of its head, and checks that it shows what it must. */
  async audit(known: KnownVolume, volume: Volume, share = 0.4): Promise<void> {
    const expectation = this.#expectation(known)
    const snapshot = volume.snapshot()
    try {
      const contents = await readContents(snapshot, known, this.#pagesOf(known, snapshot, share))
      this.#checkView(snapshot, contents, known, expectation)
    } finally {
      snapshot.close()
    }
  }

  async #transact(known: KnownVolume, volume: Volume): Promise<void> {
    const { node, transactions, onViolation, tally } = this.#options
    const random = this.#random
    const work = drawWork(known, random)
    const slot = work.isReadOnly ? undefined : this.#freeSlot(known, volume)
    // What has to wait for its turn in the journal pushes, so that its turn comes.
    if (this.#resetting.has(known) || (slot === undefined && !work.isReadOnly)) return this.#push(known, volume)
    const durability = random.pick([node.setup.durability, node.setup.durability, 'remote'] as const)
    const isolation = random.chance(0.8) ? 'serializable' : 'snapshot'
    const transaction = transactions.begin({
      client: node.name,
      volume: known.number,
      slot,
      epoch: node.epoch(known),
      isolation,
      mayBeLost: durability === 'memory',
    })
    const signal = random.chance(0.05) ? this.#signalAfter(random.between(1, 400)) : undefined
    this.#count(known, 1)
    try {
      const runOnce = instrumented(transactions, transaction, known, work.run, onViolation)
      const result = await volume.transact(runOnce, { durability, isolation, ...(signal && { signal }) })
      transaction.sequence = result.sequence
      transaction.state = 'local'
      this.#note(`transaction ${transaction.id} has sequence ${result.sequence}, slot ${slot}, ${durability}`)
      if (work.isReadOnly) this.#checkReadOnly(known, transaction)
      else if (durability === 'remote') this.#checkPushed(known, [transaction])
      if (!work.isReadOnly) this.#follow(transaction, result.outcome())
      if (transaction.runs.length > 1) tally.add('recovery: transaction ran again')
    } catch (error) {
      const isOpen = durability === 'remote' || signal !== undefined || codeOf(error) === 'CLIENT_CLOSED'
      transaction.state = isOpen ? 'uncertain' : 'failed'
      throw error
    } finally {
      this.#count(known, -1)
    }
  }

  /** I12: what the client says became of a transaction is so. */
  #follow(transaction: Transaction, outcome: Promise<TransactionOutcome>): void {
    const { onViolation, tally, node } = this.#options
    const check = (told: TransactionOutcome): void => {
      tally.add('checks: outcomes')
      tally.add(`outcome told: ${told.type === 'rejected' ? told.reason : told.type}`)
      const isSo =
        told.type === 'pushed' ? told.lsn === transaction.lsn : told.type === 'rejected' && transaction.lsn === undefined
      const who = `transaction ${transaction.id} of ${node.name}`
      mustHold(isSo, 'I12', () => `${who} is told to be ${told.type}, and is in the log at ${transaction.lsn}`)
    }
    outcome.then(check).catch((error: unknown) => {
      if (codeOf(error) !== 'CLIENT_CLOSED') onViolation(error)
    })
  }

  async #push(known: KnownVolume, volume: Volume): Promise<void> {
    const { node, transactions, tally } = this.#options
    const { lsn } = volume.status().base
    const epoch = node.epoch(known)
    const pending = transactions
      .of(node.name, known.number)
      .filter((each) => each.state === 'local' && each.slot !== undefined && each.epoch === epoch)
    const signal = this.#random.chance(0.05) ? this.#signalAfter(this.#random.between(1, 2_000)) : undefined
    const result = await volume.push(signal && { signal })
    if (node.epoch(known) === epoch) this.#checkPushed(known, pending)
    this.#checkBase(known, volume, lsn)
    if (result.type === 'nothing') return
    if (result.conflicts > 0) tally.add('recovery: push met commits of others')
    if (result.conflicts > 0 && result.replayed === 0) tally.add('recovery: push went on without running again')
    if (result.replayed > 0) tally.add('recovery: push ran transactions again')
  }

  async #hold(known: KnownVolume, volume: Volume): Promise<void> {
    if (this.#held.length >= HELD_MAX) return this.#revisit()
    this.#held.push({ expectation: this.#expectation(known), snapshot: volume.snapshot(), volume: known, contents: undefined })
  }

  /** Reads a snapshot that was opened long ago: it must show what it showed then. */
  async #revisit(): Promise<void> {
    const held = this.#held.shift()
    if (held === undefined) return
    const { snapshot, volume, expectation } = held
    const contents = await readContents(snapshot, volume, this.#pagesOf(volume, snapshot, 0.5))
    this.#checkView(snapshot, contents, volume, expectation)
    for (const [pageIndex, { stamp }] of held.contents ?? []) {
      const now = contents.get(pageIndex)
      mustHold(now === undefined || now.stamp === stamp, 'I4', () => `page ${pageIndex} of an open snapshot has changed`)
    }
    held.contents = contents
    if (this.#random.chance(0.5)) this.#held.push(held)
    else snapshot.close()
  }

  async #past(known: KnownVolume, volume: Volume): Promise<void> {
    const head = volume.status().base.lsn
    if (head === 0) return
    const lsn = this.#random.between(1, head) as Lsn
    const snapshot = await volume.snapshotAt(lsn)
    try {
      const contents = await readContents(snapshot, known, this.#pagesOf(known, snapshot, 0.3))
      checkPast(known, snapshot, contents)
      this.#options.tally.add('checks: snapshots of the past')
    } finally {
      snapshot.close()
    }
  }

  async #hydrate(known: KnownVolume, volume: Volume): Promise<void> {
    const snapshot = volume.snapshot()
    try {
      await snapshot.hydrate({ pages: this.#pagesOf(known, snapshot, 0.5) })
    } finally {
      snapshot.close()
    }
  }

  /** What the application does when its client says that it has diverged: it gives up what is pending. */
  async #reset(known: KnownVolume, volume: Volume): Promise<void> {
    const { tally } = this.#options
    if (volume.status().sync !== 'diverged' || this.#running.get(known) || this.#resetting.has(known))
      return this.#push(known, volume)
    this.#resetting.add(known)
    try {
      await volume.reset()
      this.dropped(known)
      tally.add('recovery: reset after a divergence')
    } finally {
      this.#resetting.delete(known)
    }
  }

  /** A crash came while it was reset: what is pending may be there, or not. */
  isDropUncertain(known: KnownVolume): void {
    const { node, transactions } = this.#options
    for (const transaction of transactions.of(node.name, known.number)) {
      if (transaction.state === 'local' && transaction.lsn === undefined) transaction.state = 'uncertain'
    }
    node.halfReset.add(known)
  }

  /** What is pending is gone for its client, though it may turn up in the log. */
  dropped(known: KnownVolume): void {
    const { node, transactions } = this.#options
    const epoch = node.epoch(known)
    for (const transaction of transactions.of(node.name, known.number)) {
      const isPending = transaction.state === 'local' || transaction.state === 'uncertain'
      if (isPending && transaction.epoch === epoch && transaction.lsn === undefined) transaction.state = 'dropped'
    }
    node.epochs.set(known, epoch + 1)
  }

  /** What a snapshot must show that is opened now. */
  #expectation(known: KnownVolume): ViewExpectation {
    const { node, transactions } = this.#options
    // What is pending goes at some moment before the reset says so.
    if (this.#resetting.has(known)) return { definite: [], uncertain: [] }
    return expectationOf(transactions, node.name, known, node.epoch(known))
  }

  #checkView(
    snapshot: VolumeSnapshot,
    contents: ReadonlyMap<number, PageContent>,
    volume: KnownVolume,
    expectation: ViewExpectation,
  ): void {
    const { node, transactions, tally } = this.#options
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

  /** I3, I12: what a push that ended well found pending is in the log. */
  #checkPushed(known: KnownVolume, pending: readonly Transaction[]): void {
    const missing = pending.find((transaction) => transaction.lsn === undefined)
    mustHold(
      missing === undefined,
      'I3',
      () =>
        `a push of ${this.#options.node.name} on volume ${known.number} ended well, and transaction ${missing?.id} is not in the log`,
    )
    this.#options.tally.add('checks: acknowledgements', pending.length)
  }

  /** What a client stands on never goes back while it lives. */
  #checkBase(known: KnownVolume, volume: Volume, before: number): void {
    const { base } = volume.status()
    mustHold(
      base.lsn >= before && base.lsn <= known.model.head,
      'monotonic reads',
      () => `the base went from ${before} to ${base.lsn}`,
    )
  }

  #checkReadOnly(known: KnownVolume, transaction: Transaction): void {
    const { node, transactions, tally } = this.#options
    const own = new Set(transactions.of(node.name, known.number).flatMap(({ runs }) => runs.map(({ stamp }) => stamp)))
    const run = transaction.runs.at(-1)
    if (run !== undefined) checkReadsOneState(run, known.model, own)
    tally.add('checks: read-only transactions')
  }

  /** A journal page that no pending transaction uses; `undefined`: all of them do. */
  #freeSlot(known: KnownVolume, volume: Volume): number | undefined {
    const { node, transactions } = this.#options
    const { lsn } = volume.status().base
    const taken = new Set<number | undefined>()
    for (const { state, lsn: at, slot, epoch } of transactions.of(node.name, known.number)) {
      const isPending = state === 'running' || state === 'uncertain' || (state === 'local' && (at === undefined || at > lsn))
      if (isPending && (epoch === node.epoch(known) || state === 'running')) taken.add(slot)
    }
    const free = Array.from({ length: JOURNAL_SLOTS }, (_, slot) => slot).filter((slot) => !taken.has(slot))
    return free.length === 0 ? undefined : this.#random.pick(free)
  }

  #pagesOf(known: KnownVolume, snapshot: VolumeSnapshot, share: number): number[] {
    const { layout } = known
    const others = [...layout.accounts, ...layout.registers, ...layout.lists, layout.header, ...layout.tree]
    const tail = Array.from({ length: 30 }, (_, i) => layout.tail + i)
    const chosen = [...others, ...tail].filter(() => this.#random.chance(share))
    return [...journalPages(known, this.#options.node.name), ...chosen].filter((page) => page <= snapshot.pageCount + 3)
  }

  #signalAfter(delayMs: number): AbortSignal {
    const controller = new AbortController()
    this.#options.life.process.timers.start(() => controller.abort(new Error('the application gave up')), delayMs)
    this.#options.tally.add('application: gave up on a call')
    return controller.signal
  }

  #note(text: string): void {
    this.#options.life.process.scheduler.note(`${this.#options.node.name}: ${text}`)
  }

  #count(known: KnownVolume, by: number): void {
    this.#running.set(known, (this.#running.get(known) ?? 0) + by)
  }

  #volume(known: KnownVolume): Volume {
    return this.#options.life.volumes.get(known) as Volume
  }
}

/** A snapshot of a past commit must be that commit. */
function checkPast(known: KnownVolume, snapshot: VolumeSnapshot, contents: ReadonlyMap<number, PageContent>): void {
  const state = known.model.state(snapshot.lsn)
  mustHold(snapshot.pageCount === state.pageCount, 'I4', () => `the snapshot at ${snapshot.lsn} has ${snapshot.pageCount} pages`)
  for (const [pageIndex, { stamp }] of contents) {
    const expected = known.model.page(snapshot.lsn, pageIndex).stamp
    mustHold(stamp === expected, 'I4', () => `page ${pageIndex} at ${snapshot.lsn} has stamp ${stamp}, expected ${expected}`)
  }
}

function codeOf(error: unknown): string | undefined {
  return isTypedError(error) ? error.code : undefined
}
