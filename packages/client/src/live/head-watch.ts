import type { VolumeAdvance, WatchLimits } from '@graft-ts/protocol'
import type { Lsn, VolumeId } from '@graft-ts/volume'
import { delay } from '../delay.ts'
import { ClientError } from '../errors.ts'
import type { Remote } from '../remote.ts'
import { isTransient, type RetryPolicy, steadyPauseMs } from '../retry.ts'
import type { Connectivity } from './connectivity.ts'
import type { WatchMode } from './watch-mode.ts'

/** A volume whose head is followed. */
export interface HeadTarget {
  readonly volumeId: VolumeId
  /** The newest commit that is known here. */
  readonly knownHead: () => Lsn
  /** There is a newer one. */
  readonly onHead: (lsn: Lsn) => void
  /** There is none: what is known here is the newest. */
  readonly onConfirmed: () => void
  /** It could not be found out. */
  readonly onFailed: (error: unknown) => void
  /** Heads are followed in another way now. */
  readonly onMode: () => void
}

/** What a {@link HeadWatch} needs. */
export interface HeadWatchOptions {
  readonly remote: Remote
  readonly retry: RetryPolicy
  readonly connectivity: Connectivity
  /** How often a store that cannot be watched is asked. */
  readonly intervalMs: number
  /** Fires when the client is closed. */
  readonly closing: AbortSignal
}

// Volumes that are opened one after the other should not each begin a stream of their own.
const SETTLE_MS = 20
// A stream without a message for so many heartbeats is dead.
const HEARTBEATS_MISSED_MAX = 2.5
// Where a stream brings nothing, because something on the way holds it back, it is tried again after so many polls.
const POLLS_BETWEEN_STREAMS = 10
const POLLS_IN_FLIGHT = 4

/**
 * Learns of new commits of all followed volumes of a client, over one stream of the meta store as long as one takes them
 * all. Level-triggered: what is told is only how far each log is, so that nothing is lost when a stream breaks and another
 * one begins from what is known by then.
 */
export class HeadWatch {
  readonly #options: HeadWatchOptions
  readonly #followed = new Map<VolumeId, Set<HeadTarget>>()
  #mode: WatchMode = 'off'
  #interrupt: () => void = () => undefined
  // Something has changed that the step which is under way may not know of.
  #isDisturbed = false
  #failures = 0
  #pollsLeft = 0

  constructor(options: HeadWatchOptions) {
    this.#options = options
  }

  get mode(): WatchMode {
    return this.#mode
  }

  /** Follows a volume, for one of those who want to know. Returns what ends that. */
  follow(target: HeadTarget): () => void {
    const targets = this.#followed.get(target.volumeId) ?? new Set()
    // One that knows less than those whom a stream has told already would not be told of what it lacks.
    const isCovered = [...targets].some((other) => other.knownHead() <= target.knownHead())
    targets.add(target)
    this.#followed.set(target.volumeId, targets)
    if (!isCovered) this.#begin()
    return () => {
      if (!targets.delete(target) || targets.size > 0) return
      this.#followed.delete(target.volumeId)
      this.#disturb()
    }
  }

  #begin(): void {
    this.#disturb()
    if (this.#mode === 'off') void this.#run()
  }

  #disturb(): void {
    this.#isDisturbed = true
    this.#interrupt()
  }

  #enter(mode: WatchMode): void {
    if (this.#mode === mode) return
    this.#mode = mode
    for (const target of this.#targets()) target.onMode()
  }

  async #run(): Promise<void> {
    const { connectivity, closing } = this.#options
    this.#enter('connecting')
    const unsubscribe = connectivity.subscribe(() => this.#disturb())
    const close = (): void => this.#disturb()
    closing.addEventListener('abort', close, { once: true })
    while (this.#followed.size > 0 && !closing.aborted) await this.#step()
    closing.removeEventListener('abort', close)
    unsubscribe()
    this.#enter('off')
  }

  async #step(): Promise<void> {
    const { connectivity, closing, remote, intervalMs } = this.#options
    this.#isDisturbed = false
    if (!connectivity.isOnline()) {
      this.#enter('offline')
      this.#failures = 0
      return this.#rest(undefined)
    }
    try {
      await delay(this.#options.retry.timers, SETTLE_MS, closing)
      const limits = this.#pollsLeft > 0 ? undefined : await remote.watchLimits({ signal: closing })
      if (limits !== undefined) return await this.#watch(limits)
    } catch (error) {
      if (closing.aborted) return
      for (const target of this.#targets()) target.onFailed(error)
      this.#enter('connecting')
      this.#failures++
      const isHopeless = !isTransient(error) || (error instanceof ClientError && error.code === 'WATCH_SILENT')
      if (!isHopeless) return this.#rest(steadyPauseMs(this.#options.retry, this.#failures, error))
      this.#pollsLeft = POLLS_BETWEEN_STREAMS
    }
    if (this.#pollsLeft > 0) this.#pollsLeft--
    this.#enter('polling')
    await this.#poll()
    await this.#rest(intervalMs)
  }

  /** Watches until what is followed changes, or the network does. */
  async #watch(limits: WatchLimits): Promise<void> {
    if (this.#isDisturbed) return
    const stop = new AbortController()
    this.#interrupt = () => stop.abort()
    const volumes = [...this.#followed.keys()]
    const parts = Array.from({ length: Math.ceil(volumes.length / limits.volumesMax) }, (_, i) =>
      volumes.slice(i * limits.volumesMax, (i + 1) * limits.volumesMax),
    )
    const failures: unknown[] = []
    const streams = parts.map(async (part) => {
      try {
        await this.#stream(part, limits, stop)
      } catch (error) {
        failures.push(error)
        stop.abort()
      }
    })
    await Promise.all(streams)
    if (failures.length > 0) throw failures[0]
  }

  async #stream(volumes: readonly VolumeId[], limits: WatchLimits, stop: AbortController): Promise<void> {
    const { remote, closing, retry } = this.#options
    let isSilent = false
    let messages = 0
    let cancel = (): void => undefined
    const silence = new AbortController()
    const expectMore = (): void => {
      cancel()
      cancel = retry.timers.start(() => {
        isSilent = true
        silence.abort()
      }, limits.heartbeatMs * HEARTBEATS_MISSED_MAX)
    }
    expectMore()
    try {
      const known = volumes.map((volumeId): [VolumeId, Lsn] => [volumeId, this.#knownHead(volumeId)])
      const signal = AbortSignal.any([closing, stop.signal, silence.signal])
      for await (const advance of remote.watch(known, { signal })) {
        expectMore()
        this.#enter('watching')
        this.#failures = 0
        messages++
        // The first heartbeat only says that the stream stands: the store may not have looked yet.
        if (advance !== undefined || messages > 1) this.#tell(volumes, advance)
        if (stop.signal.aborted) return
      }
    } catch (error) {
      if (!isSilent && (stop.signal.aborted || closing.aborted)) return
      if (!isSilent) throw error
    } finally {
      cancel()
    }
    if (stop.signal.aborted || closing.aborted) return
    // One that worked for a while was cut off; one that never did will not do so next time either.
    const code = isSilent && messages === 0 ? 'WATCH_SILENT' : 'WATCH_ENDED'
    throw new ClientError(code, isSilent ? 'the watch brought no heartbeat' : 'the watch has ended')
  }

  async #poll(): Promise<void> {
    const volumes = [...this.#followed.keys()][Symbol.iterator]()
    const worker = async (): Promise<void> => {
      for (const volumeId of volumes) await this.#ask(volumeId)
    }
    await Promise.all(Array.from({ length: POLLS_IN_FLIGHT }, worker))
  }

  async #ask(volumeId: VolumeId): Promise<void> {
    const { remote, closing } = this.#options
    try {
      const head = await remote.head(volumeId, { signal: closing })
      for (const target of this.#targets(volumeId)) {
        const known = target.knownHead()
        if (head > known) target.onHead(head)
        else if (head === known) target.onConfirmed()
      }
    } catch (error) {
      if (closing.aborted) return
      for (const target of this.#targets(volumeId)) target.onFailed(error)
    }
  }

  #tell(volumes: readonly VolumeId[], advance: VolumeAdvance | undefined): void {
    if (advance === undefined) {
      for (const volumeId of volumes) for (const target of this.#targets(volumeId)) target.onConfirmed()
    } else {
      for (const target of this.#targets(advance.volumeId)) target.onHead(advance.lsn)
    }
  }

  /** Who follows one volume, or any. */
  #targets(volumeId?: VolumeId): HeadTarget[] {
    if (volumeId !== undefined) return [...(this.#followed.get(volumeId) ?? [])]
    return [...this.#followed.values()].flatMap((targets) => [...targets])
  }

  /** What all who follow a volume know. */
  #knownHead(volumeId: VolumeId): Lsn {
    return this.#targets(volumeId)
      .map((target) => target.knownHead())
      .reduce((a, b) => (a < b ? a : b))
  }

  /** Waits for a time, for ever if there is none, or until something changes. */
  #rest(restMs: number | undefined): Promise<void> {
    return new Promise((resolve) => {
      if (this.#isDisturbed) return resolve()
      const cancel = restMs === undefined ? undefined : this.#options.retry.timers.start(resolve, restMs)
      this.#interrupt = () => {
        cancel?.()
        resolve()
      }
    })
  }
}
