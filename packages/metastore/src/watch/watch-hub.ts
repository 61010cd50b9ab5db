import type { CommitLogs } from '@graft-ts/commit-log'
import { LSN_NONE, type Lsn, type Timers, type VolumeId } from '@graft-ts/volume'
import type { WatchBus } from './bus.ts'
import { HeadProbe } from './head-probe.ts'
import { Turns } from './turns.ts'

// Bounds what a watch of many volumes asks of the store at the same moment.
const LOOKS_AT_ONCE = 32

/** What a {@link WatchHub} needs. */
export interface WatchHubOptions {
  readonly logs: CommitLogs
  readonly bus: WatchBus | undefined
  readonly timers: Timers
  readonly nowMs: () => number
  readonly probeMs: number
  readonly probeMsMax: number
  /** Told of a look that failed. */
  readonly onProbeFailed: (volumeId: VolumeId, error: unknown) => void
}

/** Told of a newer commit that exists. */
export type HeadListener = (volumeId: VolumeId, lsn: Lsn) => void

interface WatchedVolume {
  readonly probe: HeadProbe
  readonly listeners: Set<HeadListener>
}

/**
 * Tells all watchers of this process of new heads. A volume has one probe however many watch it, and none while nobody
 * does; then nothing is listened to either.
 */
export class WatchHub {
  readonly #options: WatchHubOptions
  readonly #volumes = new Map<VolumeId, WatchedVolume>()
  readonly #turns = new Turns(LOOKS_AT_ONCE)
  #stopListening: (() => void) | undefined

  constructor(options: WatchHubOptions) {
    this.#options = options
  }

  /** How many volumes are watched. */
  get volumeCount(): number {
    return this.#volumes.size
  }

  /** Whether a volume is watched, so that one more watcher costs nothing. */
  isWatched(volumeId: VolumeId): boolean {
    return this.#volumes.has(volumeId)
  }

  /**
   * Calls a function with each newer head of a volume from now on, and soon with the present one.
   *
   * @returns Ends that.
   */
  listen(volumeId: VolumeId, listener: HeadListener): () => void {
    this.#stopListening ??= this.#startListening()
    const known = this.#volumes.get(volumeId)
    const volume = known ?? this.#open(volumeId)
    volume.listeners.add(listener)
    if (known === undefined) volume.probe.look()
    else {
      if (volume.probe.head > LSN_NONE) listener(volumeId, volume.probe.head)
      volume.probe.lookIfOld()
    }
    return () => this.#leave(volumeId, volume, listener)
  }

  #open(volumeId: VolumeId): WatchedVolume {
    const { logs, timers, nowMs, probeMs, probeMsMax, onProbeFailed } = this.#options
    const listeners = new Set<HeadListener>()
    const probe = new HeadProbe({
      ask: async () => (await logs.volume(volumeId).head())?.lsn ?? LSN_NONE,
      onAdvance: (lsn) => {
        for (const listener of listeners) listener(volumeId, lsn)
      },
      onFailure: (error) => onProbeFailed(volumeId, error),
      turns: this.#turns,
      ...{ timers, nowMs, probeMs, probeMsMax },
    })
    const volume = { probe, listeners }
    this.#volumes.set(volumeId, volume)
    return volume
  }

  #leave(volumeId: VolumeId, volume: WatchedVolume, listener: HeadListener): void {
    volume.listeners.delete(listener)
    if (volume.listeners.size > 0 || this.#volumes.get(volumeId) !== volume) return
    volume.probe.stop()
    this.#volumes.delete(volumeId)
    if (this.#volumes.size > 0) return
    this.#stopListening?.()
    this.#stopListening = undefined
  }

  #startListening(): () => void {
    const { logs, bus } = this.#options
    const stopLogs = logs.onAdvance((volumeId, lsn) => this.#volumes.get(volumeId)?.probe.see(lsn))
    const stopBus = bus?.subscribe((volumeId, lsn) => this.#volumes.get(volumeId)?.probe.hear(lsn))
    return () => {
      stopLogs()
      stopBus?.()
    }
  }
}
