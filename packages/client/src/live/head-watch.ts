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

interface Followed {
  readonly target: HeadTarget
  followers: number
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
  readonly #followed = new Map<VolumeId, Followed>()
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

  /** Follows a volume. Returns what ends that. */
  follow(target: HeadTarget): () => void {
    const followed = this.#followed.get(target.volumeId) ?? { target, followers: 0 }
    followed.followers++
    this.#followed.set(target.volumeId, followed)
    if (followed.followers === 1) this.#begin()
    let isFollowing = true
    return () => {
      if (!isFollowing) return
      isFollowing = false
      if (--followed.followers > 0) return
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
    for (const { target } of this.#followed.values()) target.onMode()
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
      for (const { target } of this.#followed.values()) target.onFailed(error)
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
    const targets = Array.from(this.#followed.values(), ({ target }) => target)
    const parts = Array.from({ length: Math.ceil(targets.length / limits.volumesMax) }, (_, i) =>
      targets.slice(i * limits.volumesMax, (i + 1) * limits.volumesMax),
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

  async #stream(targets: readonly HeadTarget[], limits: WatchLimits, stop: AbortController): Promise<void> {
    const { remote, closing, retry } = this.#options
    const byId = new Map(targets.map((target) => [target.volumeId, target]))
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
      const known = targets.map((target): [VolumeId, Lsn] => [target.volumeId, target.knownHead()])
      const signal = AbortSignal.any([closing, stop.signal, silence.signal])
      for await (const advance of remote.watch(known, { signal })) {
        expectMore()
        this.#enter('watching')
        this.#failures = 0
        messages++
        // The first heartbeat only says that the stream stands: the store may not have looked yet.
        if (advance !== undefined || messages > 1) tell(byId, advance)
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
    const targets = Array.from(this.#followed.values(), ({ target }) => target)[Symbol.iterator]()
    const worker = async (): Promise<void> => {
      for (const target of targets) await this.#ask(target)
    }
    await Promise.all(Array.from({ length: POLLS_IN_FLIGHT }, worker))
  }

  async #ask(target: HeadTarget): Promise<void> {
    const { remote, closing } = this.#options
    try {
      const head = await remote.head(target.volumeId, { signal: closing })
      const known = target.knownHead()
      if (head > known) target.onHead(head)
      else if (head === known) target.onConfirmed()
    } catch (error) {
      if (!closing.aborted) target.onFailed(error)
    }
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

function tell(byId: ReadonlyMap<VolumeId, HeadTarget>, advance: VolumeAdvance | undefined): void {
  if (advance !== undefined) return byId.get(advance.volumeId)?.onHead(advance.lsn)
  for (const target of byId.values()) target.onConfirmed()
}
