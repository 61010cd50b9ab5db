import { AroundCalls, type StoreCall } from '../around-calls.ts'
import { StoreError } from '../errors.ts'
import type { ObjectStore, StoredObject } from '../object-store.ts'
import { type StoreTimers, wait } from '../timers.ts'
import { seededRandom } from './seeded-random.ts'

/**
 * What may go wrong with a call. Up to `delay`, the store keeps its contract, and callers have to cope; with the last
 * three it breaks it, as damaged disks, bad proxies and eager libraries do.
 *
 * - `failBefore`: fails with `STORE_UNAVAILABLE`; nothing was done.
 * - `throttle`: fails with `STORE_THROTTLED` and a time to wait; nothing was done.
 * - `failAfter`: the reply is lost. A write has its effect and fails with `STORE_OUTCOME_UNKNOWN`, a read with
 *   `STORE_UNAVAILABLE`.
 * - `loseRequest`: a write has no effect and fails with `STORE_OUTCOME_UNKNOWN`.
 * - `landLate`: a write fails with `STORE_OUTCOME_UNKNOWN` and is done after a while, when its caller may long have looked.
 * - `delay`: the call waits before or after its effect. Comes beside any of the others.
 * - `truncate`: `get` gives fewer bytes than it should and does not say so.
 * - `flipBit`: `get` gives bytes of which one bit differs.
 * - `repeat`: the call is made twice, and the second answer counts: a conditional write meets its own effect and says
 *   `conflict`.
 */
export type FaultClass = (typeof FAULT_CLASSES)[number]

/** All kinds of faults. */
export const FAULT_CLASSES = [
  'failBefore',
  'throttle',
  'failAfter',
  'loseRequest',
  'landLate',
  'delay',
  'truncate',
  'flipBit',
  'repeat',
] as const

/** Options of {@link faulty}. */
export interface FaultyOptions {
  /** Decides everything: the same calls in the same order meet the same faults. A whole number. */
  readonly seed: number
  /** How likely each fault is for a call that it can happen to, 0 to 1; absent: never. All but `delay` add up to 1 at most. */
  readonly rates: Partial<Record<FaultClass, number>>
  /** Makes the waits of `delay` and `landLate`. Passed in, so that a test or simulation decides when time passes. */
  readonly timers: StoreTimers
  /** The longest wait, in milliseconds; default 1,000. */
  readonly delayMsMax?: number | undefined
  /** Which calls may meet faults; default all. */
  readonly filter?: ((call: StoreCall) => boolean) | undefined
}

/** A store with faults, and what happened up to now. */
export interface FaultyStore extends ObjectStore {
  /** How often each fault happened; a fresh copy at every look. */
  readonly faults: Readonly<Record<FaultClass, number>>
  /** From here on, or with `false` again, no call meets a fault. Writes that are to land late still do. */
  heal(isHealed?: boolean): void
  /** Resolves when no write is left that is to land late. */
  settled(): Promise<void>
}

/** What was decided about one call. */
interface Plan {
  readonly fault: Exclude<FaultClass, 'delay'> | undefined
  readonly delayMs: number
  readonly isDelayedBefore: boolean
  /** From 0 up to 1: how much is cut off, which bit is flipped, how late it lands. */
  readonly extent: number
}

const WRITE_FAULTS: ReadonlySet<FaultClass> = new Set(['loseRequest', 'landLate'])
const GET_FAULTS: ReadonlySet<FaultClass> = new Set(['truncate', 'flipBit'])
const NO_FAULT: Plan = { fault: undefined, delayMs: 0, isDelayedBefore: false, extent: 0 }
const DELAY_MS_MAX_DEFAULT = 1000

/**
 * Makes the calls of a store fail in the ways that networks and servers make them fail, decided by a seed.
 *
 * @throws {@link StoreError} `STORE_ARGUMENT` if a rate is not in 0..1 or they add up to more.
 *
 * @example
 * ```ts
 * const store = faulty(new MemoryStore(), { seed: 41, rates: { failAfter: 0.1, delay: 0.5 }, timers })
 * ```
 */
export function faulty(store: ObjectStore, options: FaultyOptions): FaultyStore {
  return new Faulty(store, options)
}

class Faulty extends AroundCalls implements FaultyStore {
  readonly #random: () => number
  readonly #rates: readonly (readonly [Exclude<FaultClass, 'delay'>, number])[]
  readonly #delayRate: number
  readonly #timers: StoreTimers
  readonly #delayMsMax: number
  readonly #filter: (call: StoreCall) => boolean
  readonly #faults: Record<FaultClass, number>
  readonly #late = new Set<Promise<void>>()
  #isHealed = false

  constructor(store: ObjectStore, options: FaultyOptions) {
    super(store)
    this.#random = seededRandom(options.seed)
    this.#rates = FAULT_CLASSES.flatMap((name) => (name === 'delay' ? [] : [[name, rateOf(options, name)] as const]))
    this.#delayRate = rateOf(options, 'delay')
    const sum = this.#rates.reduce((total, [, rate]) => total + rate, 0)
    // A hair more than 1 may come from adding fractions.
    if (sum > 1 + 1e-9) throw new StoreError('STORE_ARGUMENT', `the rates add up to more than 1, sum=${sum}`)
    this.#timers = options.timers
    this.#delayMsMax = options.delayMsMax ?? DELAY_MS_MAX_DEFAULT
    this.#filter = options.filter ?? (() => true)
    this.#faults = Object.fromEntries(FAULT_CLASSES.map((name) => [name, 0])) as Record<FaultClass, number>
  }

  get faults(): Readonly<Record<FaultClass, number>> {
    return { ...this.#faults }
  }

  heal(isHealed = true): void {
    this.#isHealed = isHealed
  }

  async settled(): Promise<void> {
    while (this.#late.size > 0) await Promise.all(this.#late)
  }

  protected async around<T>(call: StoreCall, run: (signal: AbortSignal | undefined) => Promise<T>): Promise<T> {
    const plan = this.#plan(call)
    const waiting = (): Promise<void> => wait(this.#timers, plan.delayMs, call.signal)
    if (plan.delayMs > 0 && plan.isDelayedBefore) await waiting()
    const result = await this.#make(call, plan, run)
    if (plan.delayMs > 0 && !plan.isDelayedBefore) await waiting()
    return result
  }

  /** Draws as many numbers for every call, so that what happens to one does not depend on what the others were. */
  #plan(call: StoreCall): Plan {
    const [which, isDelayed, delay, side, extent] = Array.from({ length: 5 }, this.#random) as [
      number,
      number,
      number,
      number,
      number,
    ]
    if (this.#isHealed || !this.#filter(call)) return NO_FAULT
    const fault = this.#faultAt(which, call)
    if (fault !== undefined) this.#faults[fault]++
    if (isDelayed >= this.#delayRate) return { ...NO_FAULT, fault, extent }
    this.#faults.delay++
    return { fault, delayMs: 1 + Math.floor(delay * this.#delayMsMax), isDelayedBefore: side < 0.5, extent }
  }

  #faultAt(which: number, call: StoreCall): Plan['fault'] {
    let end = 0
    for (const [name, rate] of this.#rates) {
      end += rate
      if (which < end) return isPossible(name, call) ? name : undefined
    }
    return undefined
  }

  async #make<T>(call: StoreCall, { fault, extent }: Plan, run: (signal: AbortSignal | undefined) => Promise<T>): Promise<T> {
    const { signal } = call
    switch (fault) {
      case undefined:
        return run(signal)
      case 'failBefore':
        throw madeUp('STORE_UNAVAILABLE', call)
      case 'throttle':
        throw madeUp('STORE_THROTTLED', call, Math.ceil(extent * this.#delayMsMax))
      case 'failAfter':
        await run(signal)
        throw madeUp(call.isWrite ? 'STORE_OUTCOME_UNKNOWN' : 'STORE_UNAVAILABLE', call)
      case 'loseRequest':
        throw madeUp('STORE_OUTCOME_UNKNOWN', call)
      case 'landLate':
        this.#landLate(extent, run)
        throw madeUp('STORE_OUTCOME_UNKNOWN', call)
      case 'repeat':
        // A first try that fails is not what this fault is about.
        await run(signal)
        return run(signal)
      case 'truncate':
      case 'flipBit':
        return damaged(await run(signal), fault, extent)
    }
  }

  #landLate(extent: number, run: (signal: AbortSignal | undefined) => Promise<unknown>): void {
    const ms = 1 + Math.floor(extent * this.#delayMsMax)
    const landing = wait(this.#timers, ms, undefined)
      .then(() => run(undefined))
      .then(
        () => undefined,
        // Nobody is left who could be told.
        () => undefined,
      )
      .finally(() => this.#late.delete(landing))
    this.#late.add(landing)
  }
}

function rateOf({ rates }: FaultyOptions, name: FaultClass): number {
  const rate = rates[name] ?? 0
  if (rate >= 0 && rate <= 1) return rate
  throw new StoreError('STORE_ARGUMENT', `the rate is not in 0..1, fault=${name} rate=${rate}`)
}

function isPossible(fault: FaultClass, call: StoreCall): boolean {
  if (GET_FAULTS.has(fault)) return call.name === 'get'
  return call.isWrite || !WRITE_FAULTS.has(fault)
}

function madeUp(code: StoreError['code'], { name, subject }: StoreCall, retryAfterMs?: number): StoreError {
  return new StoreError(code, `${name}: a fault on purpose, key=${subject}`, { retryAfterMs })
}

function damaged<T>(result: T, fault: 'truncate' | 'flipBit', extent: number): T {
  // Only `get` comes here.
  const found = result as StoredObject | undefined
  if (found === undefined || found.bytes.byteLength === 0) return result
  const { bytes } = found
  if (fault === 'truncate') return { ...found, bytes: bytes.slice(0, Math.floor(extent * bytes.byteLength)) } as T
  const bit = Math.floor(extent * bytes.byteLength * 8)
  const index = Math.floor(bit / 8)
  bytes[index] = (bytes[index] ?? 0) ^ (1 << (bit % 8))
  return { ...found, bytes } as T
}
