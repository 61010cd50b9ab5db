import { type RetryPolicy, steadyPauseMs } from '../retry.ts'
import type { Connectivity } from './connectivity.ts'
import type { SyncSettings } from './sync-settings.ts'

/** What there is to do for a volume, as far as it is known here. */
export interface SyncNeeds {
  /** Local commits are pending, or an attempt is undecided. */
  readonly isAhead: boolean
  /** There is a commit that nothing here has taken note of. */
  readonly isBehind: boolean
  /** Pushing has stopped until somebody decides. */
  readonly isDiverged: boolean
}

/** The volume that is kept in sync. */
export interface SyncTarget {
  readonly needs: () => SyncNeeds
  readonly pull: () => Promise<unknown>
  readonly push: () => Promise<unknown>
}

/** What an {@link AutoSync} needs. */
export interface AutoSyncOptions {
  readonly target: SyncTarget
  readonly settings: SyncSettings
  readonly retry: RetryPolicy
  readonly connectivity: Connectivity
  readonly closing: AbortSignal
}

type Step = 'pull' | 'push'

/** What is to be done next; `undefined`: nothing. A push takes note of what others did, too. */
export function nextStep(needs: SyncNeeds, settings: Pick<SyncSettings, 'pull' | 'push'>): Step | undefined {
  if (needs.isAhead && !needs.isDiverged && settings.push) return 'push'
  return needs.isBehind && settings.pull ? 'pull' : undefined
}

/** Pulls and pushes one volume by itself: one call at a time, when there is something to do and a network to do it over. */
export class AutoSync {
  readonly #options: AutoSyncOptions
  // Nobody knows yet whether something is new.
  #isFirstPullDue: boolean
  #isRunning = false
  #failures = 0
  #cancelTimer: (() => void) | undefined
  #unsubscribe: () => void = () => undefined

  constructor(options: AutoSyncOptions) {
    this.#options = options
    this.#isFirstPullDue = options.settings.pull
  }

  start(): void {
    const { connectivity, closing } = this.#options
    this.#unsubscribe = connectivity.subscribe(() => this.#resume())
    closing.addEventListener('abort', () => this.#stop(), { once: true })
    this.#wake(0)
  }

  /** Something about the volume has changed. */
  changed(): void {
    if (this.#isRunning) return
    const step = this.#nextStep()
    // Local commits that come together go together.
    if (step !== undefined) this.#wake(step === 'push' ? this.#options.settings.pushDelayMs : 0)
  }

  /** The network is back, perhaps: what failed without it is tried at once. */
  #resume(): void {
    if (!this.#options.connectivity.isOnline() || this.#isRunning) return
    this.#failures = 0
    this.#cancel()
    this.#wake(0)
  }

  #wake(delayMs: number): void {
    // Whatever else happens, time has to pass before something that failed is tried again.
    if (this.#cancelTimer !== undefined || this.#options.closing.aborted) return
    this.#cancelTimer = this.#options.retry.timers.start(() => {
      this.#cancelTimer = undefined
      void this.#run()
    }, delayMs)
  }

  async #run(): Promise<void> {
    const { connectivity, closing, retry } = this.#options
    if (this.#isRunning) return
    this.#isRunning = true
    try {
      for (let step = this.#nextStep(); step !== undefined; step = this.#nextStep()) {
        if (closing.aborted || !connectivity.isOnline()) return
        await this.#do(step)
        this.#failures = 0
      }
      // Somebody else may have done what had failed.
      this.#failures = 0
    } catch (error) {
      // The volume's status tells of it.
      if (closing.aborted) return
      this.#failures++
      if (this.#nextStep() !== undefined) this.#wake(steadyPauseMs(retry, this.#failures, error))
      else this.#failures = 0
    } finally {
      this.#isRunning = false
    }
  }

  async #do(step: Step): Promise<void> {
    const { target } = this.#options
    await (step === 'push' ? target.push() : target.pull())
    this.#isFirstPullDue = false
  }

  #nextStep(): Step | undefined {
    const { target, settings } = this.#options
    return nextStep(target.needs(), settings) ?? (this.#isFirstPullDue ? 'pull' : undefined)
  }

  #cancel(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
  }

  #stop(): void {
    this.#cancel()
    this.#unsubscribe()
  }
}
