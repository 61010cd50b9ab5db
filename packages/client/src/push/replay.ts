import type { PullAnswer } from '@graft-ts/protocol'
import { isTypedError } from '@graft-ts/volume'
import { ClientError, type ClientErrorCode } from '../errors.ts'
import type { View } from '../local/pins.ts'
import { isTransient } from '../retry.ts'
import type { Isolation, LocalCommit } from '../state/local-commit.ts'
import { pageCountAfter } from '../state/local-commit.ts'
import type { Divergence } from '../state/volume-state.ts'
import type { TransactionEffects } from '../transaction.ts'
import { type VolumeCore, viewOf } from '../volume-core.ts'

/** A transaction function that is still in memory, so that it can run again. */
export interface Replayable {
  readonly isolation: Isolation
  /** Runs it on a view, with nothing but its effects. */
  readonly run: (view: View, isolation: Isolation, signal: AbortSignal | undefined) => Promise<TransactionEffects>
}

/** Transaction functions of pending commits, by sequence. */
export type Replayables = Map<number, Replayable>

/**
 * Runs pending transactions again on a newer base, from the first that overlaps with what changed, and replaces them.
 * If one cannot run, everything stays as it was.
 *
 * @returns How many ran again, or why they could not.
 * @throws What a server or the local store threw while they ran: trying later may help.
 */
export async function replay(
  core: VolumeCore,
  replayables: Replayables,
  conflict: { readonly answer: PullAnswer; readonly from: number },
  signal: AbortSignal | undefined,
): Promise<number | Divergence> {
  const { answer, from } = conflict
  await core.dropUnfinished()
  const kept = core.state.pending.slice(0, from)
  const replayed: { readonly was: number; readonly commit: LocalCommit | undefined }[] = []
  for (;;) {
    // Local commits that came meanwhile stand on the old base too.
    const expected = core.state.pending
    for (const old of expected.slice(from + replayed.length)) {
      const replayable = replayables.get(old.sequence)
      if (replayable === undefined) return diverged('overlap', answer, undefined)
      const commits = [...kept, ...replayed.flatMap(({ commit }) => commit ?? [])]
      try {
        replayed.push({ was: old.sequence, commit: await runAgain(core, replayable, viewOf(answer.snapshot, commits), signal) })
      } catch (error) {
        if (isPassing(error)) throw error
        return diverged('replay-failed', answer, error)
      }
    }
    const pending = [...kept, ...replayed.flatMap(({ commit }) => commit ?? [])]
    if (await core.replacePending(expected, pending, answer)) break
    if (core.state.pending.length < expected.length)
      throw new ClientError('TRANSACTION_CONFLICT', 'the pending commits were reset meanwhile')
  }
  for (const { was, commit } of replayed) {
    const replayable = replayables.get(was)
    replayables.delete(was)
    if (commit !== undefined && replayable !== undefined) replayables.set(commit.sequence, replayable)
  }
  return replayed.length
}

async function runAgain(
  core: VolumeCore,
  replayable: Replayable,
  view: View,
  signal: AbortSignal | undefined,
): Promise<LocalCommit | undefined> {
  const effects = await replayable.run(view, replayable.isolation, signal)
  if (effects.isReadOnly) return undefined
  const sequence = core.reserveSequence()
  await core.queue.run(() => core.store.pages.putUnfinished(sequence, effects.pages))
  for (const [pageIndex, page] of effects.pages) core.client.cache.keepLocal(core.volumeId, sequence, pageIndex, page)
  return { ...effects.commit, sequence, pageCount: pageCountAfter(effects.commit, view.pageCount) }
}

// What the client throws at a transaction that reads, through no fault of its own.
const OUTSIDE: readonly string[] = [
  'ABORTED',
  'CLIENT_CLOSED',
  'LOCAL_STORE_FAILED',
  'LOCAL_STORE_CORRUPT',
  'READ_INCOMPLETE',
  'REMOTE_ANSWER',
] satisfies ClientErrorCode[]

/** Whether an error says nothing about the transaction itself. */
function isPassing(error: unknown): boolean {
  if (isTransient(error)) return true
  return isTypedError(error) && (error.name === 'RemoteError' || OUTSIDE.includes(error.code))
}

function diverged(reason: Divergence['reason'], answer: PullAnswer, cause: unknown): Divergence {
  return { reason, snapshot: answer.snapshot, changes: answer.changes, cause }
}
