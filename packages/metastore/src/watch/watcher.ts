import type { VolumeAdvance } from '@graft-ts/protocol'
import type { Lsn, Timers, VolumeId } from '@graft-ts/volume'
import { MetastoreError } from '../errors.ts'
import type { WatchHub } from './watch-hub.ts'

/** What a {@link Watcher} needs. */
export interface WatcherOptions {
  readonly hub: WatchHub
  readonly timers: Timers
  readonly nowMs: () => number
  readonly heartbeatMs: number
  /** When its permission ends, milliseconds since 1970; `undefined`: it does not. */
  readonly expiresAtMs: number | undefined
  /** Called once, when it has ended. */
  readonly onEnd: () => void
}

/**
 * What one client is told of the volumes that it watches: for each the newest LSN above what it has, once, however many
 * commits led there. Holds one LSN a volume, however slowly it is read.
 */
export class Watcher {
  readonly #options: WatcherOptions
  // What the client has, or was told.
  readonly #told: Map<VolumeId, Lsn>
  readonly #pending = new Map<VolumeId, Lsn>()
  readonly #stops: (() => void)[] = []
  // The first one tells the client that the watch stands.
  #isBeatDue = true
  #end: MetastoreError | undefined
  #cancelTick: () => void = () => undefined
  #wake: () => void = () => undefined

  /** @param known Volumes with what the client has of them; handed over. */
  constructor(known: Map<VolumeId, Lsn>, options: WatcherOptions) {
    this.#options = options
    this.#told = known
    for (const volumeId of known.keys()) {
      this.#stops.push(options.hub.listen(volumeId, (id, lsn) => this.#hear(id, lsn)))
    }
    this.#scheduleTick()
  }

  /** Why it has ended; `undefined`: it has not. */
  get endReason(): MetastoreError | undefined {
    return this.#end
  }

  /**
   * The next thing to tell.
   *
   * @returns `undefined`: a heartbeat.
   * @throws Why the watch has ended.
   */
  async next(): Promise<VolumeAdvance | undefined> {
    for (;;) {
      this.#checkExpiry()
      if (this.#end !== undefined) throw this.#end
      const [advance] = this.#pending
      if (advance !== undefined) return this.#tell(...advance)
      if (this.#isBeatDue) {
        this.#isBeatDue = false
        return undefined
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  /** Ends the watch; nothing of it remains. Whoever waits for the next thing is told why. */
  end(reason: MetastoreError): void {
    if (this.#end !== undefined) return
    this.#end = reason
    this.#cancelTick()
    for (const stop of this.#stops) stop()
    this.#pending.clear()
    this.#options.onEnd()
    this.#wake()
  }

  #hear(volumeId: VolumeId, lsn: Lsn): void {
    const told = this.#told.get(volumeId)
    if (told === undefined || lsn <= told) return
    this.#pending.set(volumeId, lsn)
    this.#wake()
  }

  #tell(volumeId: VolumeId, lsn: Lsn): VolumeAdvance {
    this.#pending.delete(volumeId)
    this.#told.set(volumeId, lsn)
    return { volumeId, lsn }
  }

  #tick(): void {
    this.#checkExpiry()
    if (this.#end !== undefined) return
    this.#isBeatDue = true
    this.#wake()
    this.#scheduleTick()
  }

  #scheduleTick(): void {
    const { timers, heartbeatMs } = this.#options
    this.#cancelTick = timers.start(() => this.#tick(), Math.min(heartbeatMs, this.#remainingMs()))
  }

  #checkExpiry(): void {
    if (this.#remainingMs() > 0) return
    this.end(new MetastoreError('WATCH_EXPIRED', 'the permission to watch has ended'))
  }

  #remainingMs(): number {
    const { expiresAtMs, nowMs } = this.#options
    return expiresAtMs === undefined ? Number.POSITIVE_INFINITY : expiresAtMs - nowMs()
  }
}
