import type { AppendOutcome, CommitLogs } from '@graft-ts/commit-log'
import { type CommitRequest, commitNamesFromWire, type MetaLimits, type Principal, type RefSigner } from '@graft-ts/protocol'
import type { Call } from '@graft-ts/protocol/service'
import { isTypedError } from '@graft-ts/volume'
import type { Admission, CommitNames } from './admission.ts'
import { attemptFromWire } from './attempt.ts'
import { throwIfAborted } from './errors.ts'
import type { MetaMethod, MetastoreLog } from './events.ts'
import type { Counters } from './metrics.ts'
import type { Telemetry } from './telemetry.ts'
import { publishSafely, type WatchBus } from './watch/bus.ts'

/** What a {@link Committer} needs. */
export interface CommitterOptions {
  readonly logs: CommitLogs
  readonly admission: Admission
  readonly limits: MetaLimits
  readonly refs: RefSigner
  readonly bus: WatchBus | undefined
  readonly log: MetastoreLog
  readonly counters: Counters
  readonly telemetry: Telemetry
}

/** Decides commits. */
export class Committer {
  readonly #options: CommitterOptions

  constructor(options: CommitterOptions) {
    this.#options = options
  }

  /** What becomes of a commit. */
  async commit(call: Call<MetaMethod>, request: CommitRequest): Promise<AppendOutcome> {
    const { admission } = this.#options
    admission.checkOpen()
    const names = commitNamesFromWire(request)
    const principal = await admission.writer(call, names)
    throwIfAborted(call.signal)
    // From here on nobody's signal counts: a commit that is given up half way is one whose outcome nobody knows.
    const outcome = await this.#decide(request, names, principal)
    this.#report(outcome, request, { ...names, principal: principal.id })
    return outcome
  }

  /**
   * The happy path costs the log's one write. Only a request that is about to be refused is looked up first: an attempt
   * that landed is answered with its commit although its refs are old by now or the limits smaller (I6), and one whose
   * place is taken learns that, with all it needs to go on (I7).
   */
  async #decide(request: CommitRequest, names: CommitNames, principal: Principal): Promise<AppendOutcome> {
    const { logs, limits, refs } = this.#options
    const log = logs.volume(names.volumeId)
    const scope = { limits, refs, principal: principal.id }
    const refused = async (refusal: unknown): Promise<AppendOutcome> => {
      const outcome = await log.outcomeOf(names)
      if (outcome === undefined) throw refusal
      return outcome
    }
    const attempt = await attemptFromWire(request, scope).catch((refusal: unknown) => ({ refusal }))
    if ('refusal' in attempt) return refused(attempt.refusal)
    try {
      return await log.append(attempt)
    } catch (error) {
      // A store without room refuses a repeated commit too, which may have landed while there was some.
      if (isTypedError(error) && error.kind === 'exhausted') return refused(error)
      throw error
    }
  }

  #report(outcome: AppendOutcome, request: CommitRequest, facts: CommitNames & { readonly principal: string }): void {
    const { log, counters, telemetry, bus } = this.#options
    const { snapshot } = outcome
    if (outcome.type === 'conflict') {
      counters.commitsConflicted += 1
      telemetry.commitDecided('conflicted')
      counters.changedPagesSent += outcome.changes.pages.size
      log({ type: 'commit-conflicted', ...facts, headLsn: snapshot.lsn })
      return
    }
    counters.commitsAccepted += 1
    telemetry.commitDecided('accepted')
    const inlineBytes = request.inline?.data.length ?? 0
    log({ type: 'commit-accepted', ...facts, lsn: snapshot.lsn, refs: request.refs.length, inlineBytes })
    publishSafely(bus, facts.volumeId, snapshot.lsn)
  }
}
