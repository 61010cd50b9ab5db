import type { Lsn, VolumeId } from '@graft-ts/volume'
import { Listeners } from '../listeners.ts'
import { statusOf } from '../status.ts'
import type { VolumeCore } from '../volume-core.ts'
import type { VolumeStatus } from '../volume-status.ts'
import { AutoSync } from './auto-sync.ts'
import type { HeadTarget } from './head-watch.ts'

/** How far the remote log of a volume is. */
export interface RemoteHead {
  readonly volumeId: VolumeId
  readonly lsn: Lsn
}

/** What a volume does when it is asked to sync by itself. */
export interface VolumeCalls {
  readonly pull: (atLeast: Lsn) => Promise<unknown>
  readonly push: () => Promise<unknown>
}

/** What goes on by itself around one volume: it tells of its status, follows the head of the log, and syncs if it is to. */
export class VolumeLive {
  readonly #core: VolumeCore
  readonly #statusListeners = new Listeners<VolumeStatus>()
  readonly #wakes = new Set<() => void>()
  #autoSync: AutoSync | undefined
  #isTelling = false

  constructor(core: VolumeCore) {
    this.#core = core
    core.onChange = () => this.#changed()
  }

  /** Calls a function with the status whenever it has changed; several changes at once count as one. */
  onStatus(listener: (status: VolumeStatus) => void): () => void {
    return this.#statusListeners.add(listener)
  }

  /** Begins to sync, as far as the client's options say. */
  start(calls: VolumeCalls): void {
    const { live, retry, closing } = this.#core.client
    const { sync, connectivity, heads } = live
    if (!sync.pull && !sync.push) return
    const core = this.#core
    const target = {
      needs: () => ({
        isAhead: core.state.pending.length > 0 || core.state.sent.length > 0,
        isBehind: core.health.heardLsn > Math.max(core.state.base.lsn, core.state.remote?.snapshot.lsn ?? 0),
        isDiverged: core.state.divergence !== undefined,
      }),
      // Of a volume that nobody has pushed there is nothing to pull.
      pull: async () => (core.knownHead === 0 ? undefined : calls.pull(core.health.heardLsn)),
      push: calls.push,
    }
    this.#autoSync = new AutoSync({ target, settings: sync, retry, connectivity, closing })
    if (sync.pull) closing.addEventListener('abort', heads.follow(this.#headTarget()), { once: true })
    this.#autoSync.start()
  }

  /** Tells of newer commits than those that local reads stood on when it was called, until the signal fires. */
  async *watch(signal: AbortSignal): AsyncGenerator<RemoteHead, void, undefined> {
    const { volumeId, client } = this.#core
    let told = this.#core.state.base.lsn
    let wake = (): void => undefined
    const woken = (): void => wake()
    this.#wakes.add(woken)
    signal.addEventListener('abort', woken)
    const stop = client.live.heads.follow(this.#headTarget())
    try {
      while (!signal.aborted) {
        const lsn = this.#core.knownHead
        if (lsn > told) {
          told = lsn
          yield { volumeId, lsn }
        } else {
          await new Promise<void>((resolve) => {
            wake = resolve
          })
        }
      }
    } finally {
      stop()
      this.#wakes.delete(woken)
      signal.removeEventListener('abort', woken)
    }
  }

  #headTarget(): HeadTarget {
    const core = this.#core
    return {
      volumeId: core.volumeId,
      knownHead: () => core.knownHead,
      onHead: (lsn) => {
        core.health.heard(lsn)
        core.succeeded('watch')
      },
      onConfirmed: () => core.succeeded('watch'),
      onFailed: (error) => core.failed('watch', error),
      onMode: () => core.onChange(),
    }
  }

  #changed(): void {
    for (const wake of this.#wakes) wake()
    this.#autoSync?.changed()
    const { statusListeners } = this.#core.client.live
    if (this.#isTelling || (this.#statusListeners.isEmpty && statusListeners.isEmpty)) return
    this.#isTelling = true
    queueMicrotask(() => {
      this.#isTelling = false
      const status = statusOf(this.#core)
      this.#statusListeners.tell(status)
      statusListeners.tell(status)
    })
  }
}
