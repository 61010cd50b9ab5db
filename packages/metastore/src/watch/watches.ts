import type { CommitLogs } from '@graft-ts/commit-log'
import type { Lsn, Timers, VolumeId } from '@graft-ts/volume'
import { MetastoreError } from '../errors.ts'
import type { WatchBus } from './bus.ts'
import type { WatchSettings } from './settings.ts'
import { WatchHub } from './watch-hub.ts'
import { Watcher } from './watcher.ts'

/** What {@link Watches} needs. */
export interface WatchesOptions {
  readonly settings: WatchSettings
  readonly logs: CommitLogs
  readonly bus: WatchBus | undefined
  readonly timers: Timers
  readonly nowMs: () => number
  readonly onProbeFailed: (volumeId: VolumeId, error: unknown) => void
}

/** Who watches, and until when. */
export interface WatchOwner {
  readonly id: string
  readonly expiresAtMs?: number
}

// Until others are done; nobody knows when that will be.
const RETRY_AFTER_MS = 5000

/** All watches of a meta store, within its limits. */
export class Watches {
  readonly #options: WatchesOptions
  readonly #hub: WatchHub
  readonly #open = new Set<Watcher>()
  readonly #openOf = new Map<string, number>()

  constructor(options: WatchesOptions) {
    this.#options = options
    const { probeMs, probeMsMax } = options.settings
    const { logs, bus, timers, nowMs, onProbeFailed } = options
    this.#hub = new WatchHub({ logs, bus, timers, nowMs, probeMs, probeMsMax, onProbeFailed })
  }

  /** How many there are. */
  get count(): number {
    return this.#open.size
  }

  /** How many different volumes are watched. */
  get volumeCount(): number {
    return this.#hub.volumeCount
  }

  /**
   * Begins a watch. It lasts until it is ended, by its caller at the latest.
   *
   * @param known Volumes with what the client has of them; handed over.
   * @throws {@link MetastoreError} `WATCHES_TOO_MANY`.
   */
  open(known: Map<VolumeId, Lsn>, owner: WatchOwner): Watcher {
    this.#checkRoom(known, owner.id)
    const { timers, nowMs, settings } = this.#options
    this.#count(owner.id, 1)
    const watcher: Watcher = new Watcher(known, {
      hub: this.#hub,
      ...{ timers, nowMs, heartbeatMs: settings.heartbeatMs, expiresAtMs: owner.expiresAtMs },
      onEnd: () => {
        this.#open.delete(watcher)
        this.#count(owner.id, -1)
      },
    })
    this.#open.add(watcher)
    return watcher
  }

  /** Ends them all. */
  end(reason: MetastoreError): void {
    for (const watcher of this.#open) watcher.end(reason)
  }

  #checkRoom(known: Map<VolumeId, Lsn>, owner: string): void {
    const { watchesMax, watchesPerPrincipalMax, watchedVolumesMax } = this.#options.settings
    if (this.count >= watchesMax) throw tooMany(`watches=${watchesMax}`)
    if ((this.#openOf.get(owner) ?? 0) >= watchesPerPrincipalMax)
      throw tooMany(`watches=${watchesPerPrincipalMax} of this caller`)
    let added = 0
    for (const volumeId of known.keys()) if (!this.#hub.isWatched(volumeId)) added++
    if (this.volumeCount + added > watchedVolumesMax) throw tooMany(`volumes=${watchedVolumesMax}`)
  }

  #count(owner: string, change: number): void {
    const count = (this.#openOf.get(owner) ?? 0) + change
    if (count === 0) this.#openOf.delete(owner)
    else this.#openOf.set(owner, count)
  }
}

function tooMany(most: string): MetastoreError {
  return new MetastoreError('WATCHES_TOO_MANY', `too much is watched here, most ${most}`, { retryAfterMs: RETRY_AFTER_MS })
}
