import type { PullAnswer } from '@graft-ts/protocol'
import type { Changes, Lsn, Snapshot } from '@graft-ts/volume'
import { ClientError, throwIfAborted } from './errors.ts'
import { retried } from './retry.ts'
import type { VolumeCore } from './volume-core.ts'

/** Options of `Volume.pull`. */
export interface PullOptions {
  readonly signal?: AbortSignal | undefined
  /** Fails if the newest commit is older. */
  readonly atLeast?: Lsn
}

/** What a pull learnt. */
export interface PullResult {
  /** The newest remote commit. */
  readonly snapshot: Snapshot
  /** What changed since the base that local reads stood on. No page was fetched. */
  readonly changes: Changes
  /** Whether local reads stand on that commit now; `false`: local commits are pending, and it was only noted. */
  readonly isApplied: boolean
}

// How often a pull starts again because the volume moved on meanwhile.
const TRIES_MAX = 16

/** Learns of commits in the remote log: which pages they changed, and what they are, but no page. */
export class Puller {
  readonly #core: VolumeCore

  constructor(core: VolumeCore) {
    this.#core = core
  }

  /**
   * Learns what changed since the base, and moves local reads there if nothing is pending.
   *
   * @param signal Fires when the caller gives up, and when the client is closed.
   * @throws `RemoteError`; {@link ClientError} `PULL_CONTENDED`, `LOCAL_STORE_…`.
   */
  async pull(atLeast: Lsn | undefined, signal: AbortSignal): Promise<PullResult> {
    const core = this.#core
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      throwIfAborted(signal)
      const since = core.state.base.lsn
      const answer = await this.#ask(since, atLeast, signal)
      const isApplied = await core.applyPull(since, answer)
      if (isApplied === undefined) continue
      core.succeeded('pull')
      return { ...answer, isApplied }
    }
    throw new ClientError('PULL_CONTENDED', 'the volume kept moving while it was pulled')
  }

  /** A commit of the remote log by its LSN, from 1. */
  async snapshotAt(lsn: Lsn, signal: AbortSignal): Promise<Snapshot> {
    const { base } = this.#core.state
    if (lsn === base.lsn) return base
    const { client, volumeId, health } = this.#core
    const snapshot = await this.#noting('read', () =>
      retried(client.retry, signal, () => client.remote.snapshotAt(volumeId, lsn, { signal })),
    )
    health.recovered('read')
    return snapshot
  }

  #ask(since: Lsn, atLeast: Lsn | undefined, signal: AbortSignal): Promise<PullAnswer> {
    const { client, volumeId } = this.#core
    return this.#noting('pull', () =>
      retried(client.retry, signal, () => client.remote.pull(volumeId, { atLeast, signal, since })),
    )
  }

  async #noting<T>(operation: 'pull' | 'read', call: () => Promise<T>): Promise<T> {
    try {
      return await call()
    } catch (error) {
      this.#core.failed(operation, error)
      throw error
    }
  }
}
