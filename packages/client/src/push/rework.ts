import type { PullAnswer } from '@graft-ts/protocol'
import type { Splinter } from '@graft-ts/splinter'
import { isTypedError } from '@graft-ts/volume'
import { ClientError, type ClientErrorCode, failureOf } from '../errors.ts'
import type { View } from '../local/pins.ts'
import { isTransient } from '../retry.ts'
import type { VolumeSnapshot } from '../snapshot.ts'
import { type Divergence, divergenceFrom } from '../state/divergence.ts'
import { type LocalCommit, pageCountAfter } from '../state/local-commit.ts'
import { pagesToMerge } from '../state/overlap.ts'
import { type VolumeCore, viewOf } from '../volume-core.ts'
import { MergeFailure, mergePages } from './merge.ts'
import type { PendingTransactions, Replayable } from './transactions.ts'
import { readPages } from './upload.ts'

/** What it takes to put pending commits on a newer base. */
export interface ReworkTools {
  readonly core: VolumeCore
  readonly transactions: PendingTransactions
  readonly openView: (view: View) => VolumeSnapshot
}

/** How pending commits got onto a newer base. */
export interface Reworked {
  readonly merged: number
  readonly replayed: number
}

interface Step {
  /** The sequence of the commit that is replaced. */
  readonly was: number
  /** `undefined`: it ran again and wrote nothing. */
  readonly commit: LocalCommit | undefined
  readonly how: 'copied' | 'merged' | 'replayed'
}

/** One pending commit, and what is below it: where it stands, and where it is to stand. */
interface Place {
  readonly old: LocalCommit
  readonly before: View
  readonly after: View
}

/**
 * Replaces pending commits by others on a newer base, from the first that overlaps with what changed. Where the merge hook
 * settles every page that a commit wrote and others changed, that commit stays; from the first other one on, functions run
 * again, for each may have read what an earlier one wrote. If one cannot, everything stays as it was.
 *
 * @returns How they were replaced, or why they could not.
 * @throws What a server or the local store threw meanwhile: trying later may help.
 */
export async function rework(
  tools: ReworkTools,
  conflict: { readonly answer: PullAnswer; readonly from: number },
  signal: AbortSignal | undefined,
): Promise<Reworked | Divergence> {
  const { core } = tools
  const { answer, from } = conflict
  await core.dropUnfinished()
  const kept = core.state.pending.slice(0, from)
  const steps: Step[] = []
  for (;;) {
    // Local commits that came meanwhile stand on the old base too.
    const expected = core.state.pending
    while (from + steps.length < expected.length) {
      const at = from + steps.length
      const before = viewOf(core.state.base, expected.slice(0, at))
      const place = { old: expected[at] as LocalCommit, before, after: viewOf(answer.snapshot, commitsOf(kept, steps)) }
      const step = await replaced(tools, answer, { place, mustRunAgain: steps.at(-1)?.how === 'replayed' }, signal)
      if ('reason' in step) return step
      steps.push(step)
    }
    if (await core.replacePending(expected, commitsOf(kept, steps), answer)) break
    if (core.state.pending.length < expected.length)
      throw new ClientError('TRANSACTION_CONFLICT', 'the pending commits were reset meanwhile')
  }
  for (const { was, commit, how } of steps) tools.transactions.move(was, commit?.sequence, how === 'replayed')
  const count = (how: Step['how']): number => steps.filter((step) => step.how === how).length
  return { merged: count('merged'), replayed: count('replayed') }
}

function commitsOf(kept: readonly LocalCommit[], steps: readonly Step[]): LocalCommit[] {
  return [...kept, ...steps.flatMap(({ commit }) => commit ?? [])]
}

async function replaced(
  tools: ReworkTools,
  answer: PullAnswer,
  options: { readonly place: Place; readonly mustRunAgain: boolean },
  signal: AbortSignal | undefined,
): Promise<Step | Divergence> {
  const { place, mustRunAgain } = options
  const was = place.old.sequence
  try {
    const merged = mustRunAgain ? undefined : await withoutRunning(tools, answer, place, signal)
    if (merged !== undefined) return { was, ...merged }
  } catch (error) {
    if (!(error instanceof MergeFailure)) throw error
    return divergenceFrom('merge-failed', answer, failureOf(error.cause))
  }
  const { replayable } = tools.transactions.get(was)
  if (replayable === undefined) return divergenceFrom('overlap', answer)
  try {
    return { was, how: 'replayed', commit: await runAgain(tools.core, replayable, place.after, signal) }
  } catch (error) {
    if (isPassing(error)) throw error
    return divergenceFrom('replay-failed', answer, failureOf(error))
  }
}

/** A commit as it is, or with the pages merged that others changed; `undefined`: it has to run again. */
async function withoutRunning(
  tools: ReworkTools,
  answer: PullAnswer,
  { old, before, after }: Place,
  signal: AbortSignal | undefined,
): Promise<Omit<Step, 'was'> | undefined> {
  const { core } = tools
  // Below it, the two states differ in what others changed and in nothing else: earlier commits were merged there or copied.
  const conflicting = pagesToMerge(old, answer.changes, before.pageCount !== after.pageCount)
  if (conflicting === undefined) return undefined
  const isUntouched = conflicting.size === 0
  const merged = isUntouched
    ? new Map<number, Uint8Array>()
    : await mergedPages(tools, conflicting, { old, before, after }, signal)
  if (merged === undefined) return undefined
  const data = await readPages(core, [old], old.own)
  const pages = new Map<number, Uint8Array>()
  let offset = 0
  for (const pageIndex of old.own) {
    pages.set(pageIndex, merged.get(pageIndex) ?? data.slice(offset, offset + core.pageSize))
    offset += core.pageSize
  }
  const commit = await written(core, old, pages, after)
  return { how: isUntouched ? 'copied' : 'merged', commit }
}

async function mergedPages(
  { core, openView }: ReworkTools,
  pages: Splinter,
  { old, before, after }: Place,
  signal: AbortSignal | undefined,
): Promise<Map<number, Uint8Array> | undefined> {
  const { merge } = core.client
  if (merge === undefined) return undefined
  const local = viewOf(before.base, [...before.pending, old])
  return mergePages(merge, pages, { views: { base: before, local, remote: after }, openView }, signal)
}

async function runAgain(
  core: VolumeCore,
  replayable: Replayable,
  view: View,
  signal: AbortSignal | undefined,
): Promise<LocalCommit | undefined> {
  const effects = await replayable.run(view, replayable.isolation, signal)
  return effects.isReadOnly ? undefined : written(core, effects.commit, effects.pages, view)
}

/** Writes a commit that is not visible yet, on top of a view. */
async function written(
  core: VolumeCore,
  commit: Omit<LocalCommit, 'sequence'>,
  pages: ReadonlyMap<number, Uint8Array>,
  view: View,
): Promise<LocalCommit> {
  const sequence = core.reserveSequence()
  await core.queue.run(() => core.store.pages.putUnfinished(sequence, pages))
  for (const [pageIndex, page] of pages) core.memory.keepLocal(sequence, pageIndex, page)
  return { ...commit, sequence, pageCount: pageCountAfter(commit, view.pageCount) }
}

// What the client throws at a transaction that reads, through no fault of its own.
const OUTSIDE: readonly string[] = [
  'ABORTED',
  'CLIENT_CLOSED',
  'VOLUME_FORGOTTEN',
  'LOCAL_STORE_FAILED',
  'LOCAL_STORE_FULL',
  'LOCAL_STORE_CORRUPT',
  'READ_INCOMPLETE',
  'REMOTE_ANSWER',
] satisfies ClientErrorCode[]

/** Whether an error says nothing about the transaction itself. */
function isPassing(error: unknown): boolean {
  if (isTransient(error)) return true
  return isTypedError(error) && (error.name === 'RemoteError' || OUTSIDE.includes(error.code))
}
