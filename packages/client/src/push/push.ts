import type { CommitAnswer, CommitProposal, PullAnswer } from '@graft-ts/protocol'
import { Splinter } from '@graft-ts/splinter'
import {
  type CommitId,
  isTypedError,
  newCommitId,
  nextLsn,
  PAGE_INDEX_MAX,
  type Snapshot,
  type TypedError,
} from '@graft-ts/volume'
import { ClientError } from '../errors.ts'
import { isTransient, pauseAfterConflicts, retried } from '../retry.ts'
import { type Divergence, divergenceFrom } from '../state/divergence.ts'
import { type LocalCommit, mergeCommits } from '../state/local-commit.ts'
import { commitsOf, type SentAttempt } from '../state/volume-state.ts'
import type { VolumeCore } from '../volume-core.ts'
import { type ReworkTools, rework } from './rework.ts'
import type { PendingTransactions } from './transactions.ts'
import { readPages, uploadPages } from './upload.ts'

const CONFLICTS_MAX = 16
const RENEWALS_MAX = 2
// Refs that are too old; or too new, which they stay for as long as a clock was wrong that is right by now.
const STALE_REFS: ReadonlySet<string> = new Set(['REFS_EXPIRED', 'REFS_FORGED'])

/** What a push came to. */
export type PushResult =
  /** There was nothing to push. */
  | { readonly type: 'nothing'; readonly snapshot: Snapshot }
  | {
      readonly type: 'pushed'
      /** The newest commit that came of it. */
      readonly snapshot: Snapshot
      /** Local commits that are part of the remote log now. */
      readonly transactions: number
      /** Commits of others that took the place of an attempt, and had to be dealt with. */
      readonly conflicts: number
      /** Transactions whose pages the merge hook merged with theirs. */
      readonly merged: number
      /** Transactions that ran again because of them. */
      readonly replayed: number
    }

interface Progress {
  /** Everything up to this local commit is to be pushed. */
  target: number
  transactions: number
  conflicts: number
  merged: number
  replayed: number
  /** How long the newest attempt took, in milliseconds: how long others had to be faster. */
  attemptMs: number
}

/** Brings the pending commits of a volume into the remote log. One push at a time. */
export class Pusher {
  readonly #core: VolumeCore
  readonly #tools: ReworkTools
  readonly #transactions: PendingTransactions
  // Attempts of which it is certain that no server ever saw them.
  readonly #unseen = new Set<CommitId>()

  constructor(tools: ReworkTools) {
    this.#tools = tools
    this.#core = tools.core
    this.#transactions = tools.transactions
  }

  /**
   * Pushes everything that is pending now, as one remote commit where nothing was under way and it fits into one.
   *
   * @throws {@link ClientError} `PUSH_DIVERGED`, `PUSH_CONTENDED`; what a server or the local store threw. Everything
   * stays pending then, and another push goes on where this one stopped (I6, I12).
   */
  async push(signal: AbortSignal | undefined): Promise<PushResult> {
    try {
      return await this.#pushAll(signal)
    } catch (error) {
      if (isTypedError(error) && error.kind === 'exhausted') this.#core.client.remote.forgetLimits()
      throw error
    }
  }

  async #pushAll(signal: AbortSignal | undefined): Promise<PushResult> {
    const core = this.#core
    const progress: Progress = {
      target: newestSequence(core),
      transactions: 0,
      conflicts: 0,
      merged: 0,
      replayed: 0,
      attemptMs: 0,
    }
    const startLsn = core.state.base.lsn
    while (!this.#isDone(progress.target)) {
      if (core.state.divergence !== undefined) throw divergedError(core.state.divergence)
      // Sends nothing that is known to lose, unless an earlier attempt is undecided: only the log decides that one (I6).
      if (core.state.remote !== undefined && core.state.sent.length === 0)
        await this.#goOnFrom(core.state.remote, progress, signal)
      else await this.#attempt(progress, signal)
    }
    const { base } = core.state
    const { transactions, conflicts, merged, replayed } = progress
    if (transactions === 0 && base.lsn === startLsn) return { type: 'nothing', snapshot: base }
    return { type: 'pushed', snapshot: base, transactions, conflicts, merged, replayed }
  }

  #isDone(target: number): boolean {
    const { pending, sent } = this.#core.state
    return sent.length === 0 && !pending.some((commit) => commit.sequence <= target)
  }

  async #attempt(progress: Progress, signal: AbortSignal | undefined): Promise<void> {
    const core = this.#core
    const attempt = await this.#nextAttempt(signal)
    const commits = commitsOf(core.state, attempt)
    const { idSource } = core.client
    const startMs = idSource.nowMs()
    const answer = await this.#propose(attempt, commits, signal)
    progress.attemptMs = idSource.nowMs() - startMs
    if (answer === 'expired') return this.#goOnFromExpired(progress, signal)
    if (answer.type === 'committed') return this.#acknowledge(attempt, answer.snapshot, progress)
    const landed = core.state.sent.find(({ commitId }) => commitId === answer.commitIdAfterBase)
    if (landed !== undefined) {
      return this.#acknowledge(landed, await this.#landedSnapshot(landed, signal), progress)
    }
    if (answer.commitIdAfterBase === undefined) {
      throw new ClientError('REMOTE_ANSWER', 'a conflict that does not name the commit after the base')
    }
    await this.#goOnFrom(answer, progress, signal)
  }

  /** The commit that an attempt became. */
  async #landedSnapshot(landed: SentAttempt, signal: AbortSignal | undefined): Promise<Snapshot> {
    const { client, volumeId, state } = this.#core
    const lsn = nextLsn(state.base.lsn)
    try {
      return await retried(client.retry, signal, () => client.remote.snapshotAt(volumeId, lsn, { signal }))
    } catch (error) {
      if (!isTypedError(error) || error.kind !== 'missing') throw error
      // The horizon has passed it. That it landed is certain all the same, and what it holds is known here.
      const { pageCount } = mergeCommits(state.base, commitsOf(state, landed))
      return { ...state.base, lsn, pageCount, pageSize: state.pageSize }
    }
  }

  /** The newest attempt, if it is undecided or would only be made again as it was; else another one. */
  async #nextAttempt(signal: AbortSignal | undefined): Promise<SentAttempt> {
    const { client } = this.#core
    const { pagesMax } = await retried(client.retry, signal, () => client.remote.metaLimits({ signal }))
    const { sent, isRefused, pending } = this.#core.state
    const newest = sent.at(-1)
    if (newest !== undefined && !isRefused) return newest
    const lastSequence = lastSequenceWithin(pending, pagesMax)
    if (newest?.lastSequence === lastSequence) return newest
    // What was decided has been forgotten.
    if (sent.length === 0) this.#unseen.clear()
    const attempt = { commitId: newCommitId(client.idSource), lastSequence }
    this.#unseen.add(attempt.commitId)
    return attempt
  }

  /** Uploads what has to be uploaded, makes the attempt durable here, and sends it until there is an answer. */
  async #propose(
    attempt: SentAttempt,
    commits: readonly LocalCommit[],
    signal: AbortSignal | undefined,
  ): Promise<CommitAnswer | 'expired'> {
    const { client } = this.#core
    for (let renewals = 0; ; renewals++) {
      const proposal = await this.#proposal(attempt, commits, signal)
      await this.#remember(attempt)
      try {
        return await retried(client.retry, signal, () => this.#send(proposal, signal))
      } catch (error) {
        if (isTypedError(error) && error.code === 'ATTEMPT_EXPIRED') return 'expired'
        if (!isTypedError(error) || !isRefusal(error)) throw error
        if (!STALE_REFS.has(error.code) || renewals >= RENEWALS_MAX) {
          await this.#core.savePush((state) => ({ ...state, isRefused: true }), false)
          throw error
        }
        await this.#core.savePush((state) => ({ ...state, uploads: [] }), false)
      }
    }
  }

  async #send(proposal: CommitProposal, signal: AbortSignal | undefined): Promise<CommitAnswer> {
    try {
      return await this.#core.client.remote.commit(proposal, { signal })
    } catch (error) {
      const isUnseen = isTypedError(error) && UNSEEN.includes(error.code)
      if (!isUnseen) this.#unseen.delete(proposal.commitId)
      throw error
    }
  }

  async #proposal(
    attempt: SentAttempt,
    commits: readonly LocalCommit[],
    signal: AbortSignal | undefined,
  ): Promise<CommitProposal> {
    const core = this.#core
    const { client, volumeId, pageSize } = core
    const { base } = core.state
    const { own, floor, pageCount } = mergeCommits(base, commits)
    const { inlineBytesMax } = await retried(client.retry, signal, () => client.remote.metaLimits({ signal }))
    const isInline = own.size * pageSize <= inlineBytesMax
    const inline = isInline && own.size > 0 ? { pages: own, data: await readPages(core, commits, own) } : undefined
    const refs = isInline ? [] : await uploadPages(core, commits, own, signal)
    return {
      volumeId,
      baseLsn: base.lsn,
      commitId: attempt.commitId,
      clientId: client.clientId,
      pageSize,
      pageCount,
      floor,
      own,
      refs,
      inline,
    }
  }

  async #remember(attempt: SentAttempt): Promise<void> {
    const { sent, isRefused } = this.#core.state
    if (sent.some(({ commitId }) => commitId === attempt.commitId)) {
      if (isRefused) await this.#core.savePush((state) => ({ ...state, isRefused: false }), false)
      return
    }
    await this.#core.savePush((state) => ({ ...state, sent: [...state.sent, attempt], isRefused: false }), true)
  }

  async #acknowledge(attempt: SentAttempt, snapshot: Snapshot, progress: Progress): Promise<void> {
    const core = this.#core
    const commits = commitsOf(core.state, attempt)
    const { own, floor } = mergeCommits(core.state.base, commits)
    await core.acknowledge(attempt, { pages: own, floor }, snapshot)
    this.#transactions.pushed(
      commits.map(({ sequence }) => sequence),
      snapshot.lsn,
    )
    progress.transactions += commits.length
  }

  /** Puts the pending commits on a newer base: as they are, or by running them again. */
  async #goOnFrom(answer: PullAnswer, progress: Progress, signal: AbortSignal | undefined): Promise<void> {
    const core = this.#core
    progress.conflicts++
    if (answer.snapshot.pageSize !== core.pageSize) return this.#diverge(divergenceFrom('page-size', answer))
    const overlap = await core.rebase(answer)
    if (overlap !== undefined) {
      const outcome = await rework(this.#tools, { answer, from: overlap }, signal)
      if ('reason' in outcome) return this.#diverge(outcome)
      progress.merged += outcome.merged
      progress.replayed += outcome.replayed
      // Those that were replaced have other sequences now.
      progress.target = newestSequence(core)
    }
    if (progress.conflicts >= CONFLICTS_MAX) {
      throw new ClientError('PUSH_CONTENDED', `others were faster each time, conflicts=${progress.conflicts}`)
    }
    await pauseAfterConflicts(core.client.retry, progress, signal)
  }

  /** Goes on when whether an attempt landed can no longer be found out: only if none can have (I6). */
  async #goOnFromExpired(progress: Progress, signal: AbortSignal | undefined): Promise<void> {
    const { client, volumeId, state } = this.#core
    const answer = await retried(client.retry, signal, () => client.remote.pull(volumeId, { signal, since: state.base.lsn }))
    if (!state.sent.every(({ commitId }) => this.#unseen.has(commitId))) {
      return this.#diverge(divergenceFrom('attempt-expired', answer))
    }
    await this.#goOnFrom(answer, progress, signal)
  }

  async #diverge(divergence: Divergence): Promise<never> {
    await this.#core.diverge(divergence)
    this.#transactions.stopped(divergence.reason)
    throw divergedError(divergence)
  }
}

/** The last local commit up to which all of them fit into one remote commit; at least the first. */
function lastSequenceWithin(pending: readonly LocalCommit[], pagesMax: number): number {
  const own = new Splinter()
  let last = (pending[0] as LocalCommit).sequence
  for (const commit of pending) {
    if (commit.floor !== undefined) own.deleteRange(commit.floor + 1, PAGE_INDEX_MAX)
    if (own.addAll(commit.own).size > pagesMax) break
    last = commit.sequence
  }
  return last
}

function newestSequence(core: VolumeCore): number {
  return core.state.pending.at(-1)?.sequence ?? 0
}

// The token could not be had, the caller gave up before, or the server answered that it cannot know.
const UNSEEN: readonly string[] = ['TOKEN_FAILED', 'ABORTED', 'ATTEMPT_EXPIRED']

/** Whether a server has refused an attempt for good: it has looked, and the attempt is not in the log. */
function isRefusal(error: TypedError): boolean {
  return error.name === 'RemoteError' && !isTransient(error) && error.kind !== 'aborted' && error.kind !== 'corrupt'
}

function divergedError(divergence: Divergence): ClientError {
  const { reason, snapshot, cause } = divergence
  const why = cause === undefined ? '' : ` cause=${cause.code} (${cause.message})`
  return new ClientError('PUSH_DIVERGED', `pending commits contradict lsn ${snapshot.lsn}, reason=${reason}${why}`)
}
