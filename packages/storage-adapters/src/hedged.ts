import type { ObjectBody } from './bodies.ts'
import { StoreError } from './errors.ts'
import { follow } from './follow.ts'
import type {
  CallOptions,
  CompareAndSwapOptions,
  DeleteOptions,
  GetOptions,
  ListOptions,
  ListPage,
  ObjectInfo,
  ObjectStore,
  StoreCapabilities,
  StoredObject,
  WriteResult,
} from './object-store.ts'
import { systemTimers, wait } from './timers.ts'

/** The clock that {@link hedged} goes by. */
export interface HedgedClock {
  /** Milliseconds that never go backwards. */
  nowMs(): number
  /** Waits; may return early when the signal fires. */
  delay(ms: number, signal: AbortSignal): Promise<void>
}

/** Options of {@link hedged}. */
export interface HedgedOptions {
  /** How many extra requests there may be for each read, on average: 0.05 is one in twenty, 0 none. Costs as much more. */
  readonly budget: number
  /** Which share of reads counts as fast enough to be waited for, 0 to 1; default 0.95. */
  readonly percentile?: number | undefined
  readonly clock?: HedgedClock | undefined
}

/** A store that hedges, and tells how often. */
export interface HedgedStore extends ObjectStore {
  /** Reads up to now, the extra requests that they cost, and how often the extra request was the faster one. */
  readonly hedges: { readonly reads: number; readonly sent: number; readonly won: number }
}

// Latencies that a percentile is taken of, per class of reads; and how many there must be before anything is hedged.
const SAMPLES_MAX = 200
const SAMPLES_MIN = 20
// What may be saved up for a bad moment, in extra requests.
const CREDIT_MAX = 10

/**
 * Sends a read (`get`, `head`) a second time when the first request takes longer than most did, and takes the answer that
 * comes first; the other request is stopped. Cuts the slow tail of object stores. Writes and listings go through.
 *
 * A percentile of the last 200 latencies, kept apart for short and long reads, says what takes long. A request that fails
 * is not hedged: wrap the store in `retrying` for that.
 *
 * @throws {@link StoreError} `STORE_ARGUMENT` if the budget or the percentile is not in its range.
 */
export function hedged(store: ObjectStore, options: HedgedOptions): HedgedStore {
  const { budget, percentile = 0.95 } = options
  // Not a number would be a budget without a bound.
  if (!Number.isFinite(budget) || budget < 0) {
    throw new StoreError('STORE_ARGUMENT', `the budget is not 0 or more, budget=${budget}`)
  }
  if (!(percentile >= 0 && percentile <= 1)) {
    throw new StoreError('STORE_ARGUMENT', `the percentile is not in 0..1, percentile=${percentile}`)
  }
  return new Hedger(store, { ...options, percentile })
}

interface Attempt<T> {
  readonly promise: Promise<T>
  /** Stops it unless it is over. */
  stop(): void
}

class Hedger implements HedgedStore {
  readonly #store: ObjectStore
  readonly #budget: number
  readonly #percentile: number
  readonly #clock: HedgedClock
  readonly #latencies = new Map<string, Latencies>()
  readonly #hedges = { reads: 0, sent: 0, won: 0 }
  #credit = 0

  constructor(store: ObjectStore, { budget, percentile, clock = systemClock }: HedgedOptions & { percentile: number }) {
    this.#store = store
    this.#budget = budget
    this.#percentile = percentile
    this.#clock = clock
  }

  get capabilities(): StoreCapabilities {
    return this.#store.capabilities
  }

  get hedges(): HedgedStore['hedges'] {
    return { ...this.#hedges }
  }

  get(key: string, options?: GetOptions): Promise<StoredObject | undefined> {
    return this.#read(classOf(options), options, (signal) => this.#store.get(key, { ...options, signal }))
  }

  head(key: string, options?: CallOptions): Promise<ObjectInfo | undefined> {
    return this.#read('head', options, (signal) => this.#store.head(key, { ...options, signal }))
  }

  put(key: string, body: ObjectBody, options?: CallOptions): Promise<WriteResult> {
    return this.#store.put(key, body, options)
  }

  create(key: string, body: Uint8Array, options?: CallOptions): Promise<WriteResult> {
    return this.#store.create(key, body, options)
  }

  compareAndSwap(key: string, body: Uint8Array, options: CompareAndSwapOptions): Promise<WriteResult> {
    return this.#store.compareAndSwap(key, body, options)
  }

  delete(key: string, options?: DeleteOptions): Promise<void> {
    return this.#store.delete(key, options)
  }

  deleteMany(keys: readonly string[], options?: CallOptions): Promise<void> {
    return this.#store.deleteMany(keys, options)
  }

  list(options: ListOptions): Promise<ListPage> {
    return this.#store.list(options)
  }

  async #read<T>(className: string, options: CallOptions | undefined, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const latencies = this.#latencies.get(className) ?? new Latencies()
    this.#latencies.set(className, latencies)
    this.#hedges.reads++
    this.#credit = Math.min(CREDIT_MAX, this.#credit + this.#budget)
    const first = this.#start(call, options?.signal, latencies)
    if (!(await this.#isSlow(first, latencies)) || this.#credit < 1) return first.promise
    this.#credit--
    this.#hedges.sent++
    const second = this.#start(call, options?.signal, latencies)
    try {
      const named = [first, second].map((attempt) => attempt.promise.then((result) => ({ attempt, result })))
      const { attempt, result } = await Promise.any(named)
      if (attempt === second) this.#hedges.won++
      return result
    } catch {
      // Both failed; the first one's reason is the caller's.
      return await first.promise
    } finally {
      first.stop()
      second.stop()
    }
  }

  #start<T>(call: (signal: AbortSignal) => Promise<T>, signal: AbortSignal | undefined, latencies: Latencies): Attempt<T> {
    const { controller, letGo } = follow(signal)
    const startMs = this.#clock.nowMs()
    let isOver = false
    const end = (isMeasured: boolean): void => {
      letGo()
      if (!isOver && isMeasured) latencies.add(this.#clock.nowMs() - startMs)
      isOver = true
    }
    const promise = call(controller.signal)
    promise.then(
      () => end(true),
      () => end(false),
    )
    const stop = (): void => {
      // It would have taken longer; leaving it out would make reads look faster than they are.
      end(true)
      controller.abort()
    }
    return { promise, stop }
  }

  /** Waits until the attempt is over or takes longer than most; tells whether it does. */
  async #isSlow(attempt: Attempt<unknown>, latencies: Latencies): Promise<boolean> {
    const patienceMs = latencies.percentile(this.#percentile)
    if (patienceMs === undefined) return false
    const waiting = new AbortController()
    const over = attempt.promise.then(
      () => false,
      () => false,
    )
    const isSlow = await Promise.race([over, this.#clock.delay(patienceMs, waiting.signal).then(() => true)])
    waiting.abort()
    return isSlow
  }
}

/** Reads of one class take about as long: by the order of magnitude of what they ask for. */
function classOf(options: GetOptions | undefined): string {
  const length = options?.range?.length
  if (length === undefined) return 'whole'
  return length <= 65536 ? 'short' : length <= 2 ** 20 ? 'medium' : 'long'
}

class Latencies {
  readonly #samples: number[] = []
  #next = 0

  add(ms: number): void {
    this.#samples[this.#next] = ms
    this.#next = (this.#next + 1) % SAMPLES_MAX
  }

  percentile(share: number): number | undefined {
    const count = this.#samples.length
    if (count < SAMPLES_MIN) return undefined
    return [...this.#samples].sort((a, b) => a - b)[Math.min(count - 1, Math.floor(count * share))]
  }
}

const systemClock: HedgedClock = {
  nowMs: () => performance.now(),
  delay: (ms, signal) => wait(systemTimers, ms, signal),
}
