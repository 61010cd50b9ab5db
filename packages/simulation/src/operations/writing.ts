import type { PushResult, TransactionOutcome, Volume } from '@graft-ts/client'
import { checkReadOnly } from '../checkers/read-only.ts'
import type { Transaction } from '../model/transactions.ts'
import { mustHold } from '../violation.ts'
import type { KnownVolume } from '../volumes.ts'
import { instrumented } from '../workloads/instrumented.ts'
import { JOURNAL_SLOTS } from '../workloads/layout.ts'
import { drawBlindWork, drawWork, type Work } from '../workloads/work.ts'
import { checkBase } from './reading.ts'
import { codeOf, type Session } from './session.ts'

/** A transaction to be made. */
interface Task {
  readonly work: Work
  readonly slot: number
  readonly durability: 'memory' | 'local' | 'remote'
}

/** Calls that change the log, or are to. */
export class Writing {
  readonly #session: Session

  constructor(session: Session) {
    this.#session = session
  }

  async transact(known: KnownVolume, volume: Volume): Promise<void> {
    const work = drawWork(known, this.#session.random)
    this.#session.tally.add(`work: ${work.name}`)
    if (work.isReadOnly) return this.#readOnly(known, volume, work)
    const slot = this.#freeSlot(known, volume)
    // What has to wait for its turn in the journal pushes, so that its turn comes.
    if (this.#session.isResetting(known) || slot === undefined) return this.push(known, volume)
    const { node, random } = this.#session
    const durability = random.pick([node.setup.durability, node.setup.durability, 'remote'] as const)
    await this.#session.whileRunning(known, () => this.#write(known, volume, { work, slot, durability }))
  }

  /** Changes something, if there is room in the journal, and waits for nobody else. */
  async commit(known: KnownVolume, volume: Volume): Promise<void> {
    const slot = this.#freeSlot(known, volume)
    if (slot === undefined) return
    const task: Task = { work: drawBlindWork(known, this.#session.random), slot, durability: 'local' }
    await this.#session.whileRunning(known, () => this.#write(known, volume, task))
  }

  async #write(known: KnownVolume, volume: Volume, { work, slot, durability }: Task): Promise<void> {
    const { random, tally, transactions, onViolation } = this.#session
    const isolation = random.chance(0.7) ? 'serializable' : 'snapshot'
    const transaction = this.#begin(known, volume, { slot, isolation, mayBeLost: durability === 'memory' })
    const signal = this.#session.impatience(0.05, 400)
    try {
      const runOnce = instrumented({ transactions, tally, random, onViolation }, transaction, known, work.run)
      const result = await volume.transact(runOnce, { durability, isolation, ...(signal && { signal }) })
      transaction.sequence = result.sequence
      transaction.state = 'local'
      this.#session.note(`transaction ${transaction.id} has sequence ${result.sequence}, slot ${slot}, ${durability}`)
      if (durability === 'remote') this.#checkPushed(known, [transaction])
      this.#follow(transaction, result.outcome())
      if (transaction.runs.length > 1) tally.add('recovery: transaction ran again')
    } catch (error) {
      const isOpen = durability === 'remote' || signal !== undefined || codeOf(error) === 'CLIENT_CLOSED'
      transaction.state = isOpen ? 'uncertain' : 'failed'
      throw error
    }
  }

  /** A read-only transaction sees a state of the log, never an older one than the last, and what its own client has done. */
  async #readOnly(known: KnownVolume, volume: Volume, work: Work): Promise<void> {
    const { node, seen, random, tally, transactions, onViolation } = this.#session
    const { definite } = this.#session.expectation(known)
    const least = seen.get(known) ?? 0
    const transaction = this.#begin(known, volume, { slot: undefined, isolation: 'serializable', mayBeLost: false })
    const signal = this.#session.impatience(0.05, 400)
    try {
      const runOnce = instrumented({ transactions, tally, random, onViolation }, transaction, known, work.run)
      await volume.transact(runOnce, signal && { signal })
      transaction.state = 'local'
    } catch (error) {
      transaction.state = 'failed'
      throw error
    }
    const run = transaction.runs.at(-1)
    if (run === undefined) return
    const own = new Set(transactions.of(node.name, known.number).flatMap(({ runs }) => runs.map(({ stamp }) => stamp)))
    const oldest = checkReadOnly(run, known, { own, definite, least, transactions })
    seen.set(known, Math.max(seen.get(known) ?? 0, oldest))
    tally.add('checks: read-only transactions')
  }

  async push(known: KnownVolume, volume: Volume): Promise<void> {
    const signal = this.#session.impatience(0.05, 2_000)
    await this.#pushing(known, volume, () => volume.push(signal && { signal }))
  }

  /** What the application does when its client says that it has diverged: it tries again, or gives up what is pending. */
  async settle(known: KnownVolume, volume: Volume): Promise<void> {
    if (volume.status().sync !== 'diverged' || this.#session.isBusy(known) || this.#session.isResetting(known))
      return this.push(known, volume)
    if (this.#session.random.chance(0.6)) return this.#resubmit(known, volume)
    await this.#session.whileResetting(known, async () => {
      await volume.reset()
      this.dropped(known)
    })
    this.#session.tally.add('recovery: reset after a divergence')
  }

  async #resubmit(known: KnownVolume, volume: Volume): Promise<void> {
    this.#session.tally.add('recovery: pushed again after a divergence')
    await this.#pushing(known, volume, () => volume.resubmit())
    this.#session.tally.add('recovery: divergence ended by pushing again')
  }

  /** A crash came while it was reset: what is pending may be there, or not. */
  isDropUncertain(known: KnownVolume): void {
    const { node, transactions } = this.#session
    for (const transaction of transactions.of(node.name, known.number)) {
      if (transaction.state === 'local' && transaction.lsn === undefined) transaction.state = 'uncertain'
    }
    node.halfReset.add(known)
  }

  /** What is pending is gone for its client, though it may turn up in the log. */
  dropped(known: KnownVolume): void {
    const { node, transactions } = this.#session
    const epoch = node.epoch(known)
    for (const transaction of transactions.of(node.name, known.number)) {
      const isPending = transaction.state === 'local' || transaction.state === 'uncertain'
      if (isPending && transaction.epoch === epoch && transaction.lsn === undefined) transaction.state = 'dropped'
    }
    node.epochs.set(known, epoch + 1)
  }

  #begin(known: KnownVolume, volume: Volume, options: Pick<Transaction, 'slot' | 'isolation' | 'mayBeLost'>): Transaction {
    const { node, transactions } = this.#session
    const baseLsn = volume.status().base.lsn
    return transactions.begin({ ...options, client: node.name, volume: known.number, epoch: node.epoch(known), baseLsn })
  }

  async #pushing(known: KnownVolume, volume: Volume, push: () => Promise<PushResult>): Promise<void> {
    const { node, transactions, tally } = this.#session
    const { lsn } = volume.status().base
    const epoch = node.epoch(known)
    const pending = transactions
      .of(node.name, known.number)
      .filter((each) => each.state === 'local' && each.slot !== undefined && each.epoch === epoch)
    const result = await push()
    if (node.epoch(known) === epoch) this.#checkPushed(known, pending)
    checkBase(known, volume, lsn)
    if (result.type === 'nothing') return
    const { conflicts, replayed, merged } = result
    if (conflicts > 0) tally.add('recovery: push met commits of others')
    if (conflicts > 0 && replayed === 0 && merged === 0) tally.add('recovery: push went on without running again')
    if (replayed > 0) tally.add('recovery: push ran transactions again')
    if (merged > 0) tally.add('recovery: push merged pages')
  }

  /** I12: what the client says became of a transaction is so. */
  #follow(transaction: Transaction, outcome: Promise<TransactionOutcome>): void {
    const { onViolation, tally, node } = this.#session
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

  /** I3, I12: what a push that ended well found pending is in the log. */
  #checkPushed(known: KnownVolume, pending: readonly Transaction[]): void {
    const missing = pending.find((transaction) => transaction.lsn === undefined)
    mustHold(
      missing === undefined,
      'I3',
      () =>
        `a push of ${this.#session.node.name} on volume ${known.number} ended well, and transaction ${missing?.id} is not in the log`,
    )
    this.#session.tally.add('checks: acknowledgements', pending.length)
  }

  /** A journal page that no pending transaction uses; `undefined`: all of them do. */
  #freeSlot(known: KnownVolume, volume: Volume): number | undefined {
    const { node, transactions, random } = this.#session
    const { lsn } = volume.status().base
    const taken = new Set<number | undefined>()
    for (const { state, lsn: at, slot, epoch } of transactions.of(node.name, known.number)) {
      const isPending = state === 'running' || state === 'uncertain' || (state === 'local' && (at === undefined || at > lsn))
      if (isPending && (epoch === node.epoch(known) || state === 'running')) taken.add(slot)
    }
    const free = Array.from({ length: JOURNAL_SLOTS }, (_, slot) => slot).filter((slot) => !taken.has(slot))
    return free.length === 0 ? undefined : random.pick(free)
  }
}
