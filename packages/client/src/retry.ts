import { isTypedError, type Timers } from '@graft-ts/volume'
import { delay } from './delay.ts'
import { abortError, ClientError, throwIfAborted } from './errors.ts'

const DELAY_MS_MAX = 10_000
const STEADY_DELAY_MS_MAX = 60_000

/** How a call to a server is tried again. */
export interface RetryPolicy {
  readonly timers: Timers
  /** A number from 0 to 1, drawn for each pause. */
  readonly random: () => number
  /** Tries in all. */
  readonly attemptsMax: number
  /** First pause in milliseconds; it doubles each time, less a random half. */
  readonly delayMs: number
}

/** Whether another try may succeed without anything being changed. */
export function isTransient(error: unknown): boolean {
  if (!isTypedError(error)) return false
  if (error.kind === 'exhausted') return retryAfterMs(error) !== undefined
  // Nobody will ever know: asking again gives the same answer.
  if (error.code === 'ATTEMPT_EXPIRED') return false
  // A server that shuts down has others beside it; what is closed on this side stays closed.
  if (error.kind === 'closed') return !(error instanceof ClientError)
  return error.kind === 'unavailable' || error.kind === 'unknown'
}

function retryAfterMs(error: unknown): number | undefined {
  const { retryAfterMs } = (error ?? {}) as { retryAfterMs?: unknown }
  return typeof retryAfterMs === 'number' ? retryAfterMs : undefined
}

/**
 * Calls until it succeeds, fails for good, or the tries are used up; then throws what the last try threw.
 * The call must be harmless to repeat (I6).
 */
export async function retried<T>(policy: RetryPolicy, signal: AbortSignal | undefined, call: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    throwIfAborted(signal)
    try {
      return await call()
    } catch (error) {
      if (signal?.aborted === true && isTypedError(error) && error.kind === 'aborted') throw abortError(signal)
      if (attempt >= policy.attemptsMax || !isTransient(error)) throw error
      await pause(policy, attempt, signal, retryAfterMs(error))
    }
  }
}

/** The jittered pause after the given try, from 1; at least `atLeastMs` where a server asked for it. */
async function pause(policy: RetryPolicy, attempt: number, signal: AbortSignal | undefined, atLeastMs = 0): Promise<void> {
  const delayMs = backOffMs(policy, attempt, DELAY_MS_MAX)
  await delay(policy.timers, Math.max(delayMs, Math.min(atLeastMs, DELAY_MS_MAX)), signal)
}

// Most attempts of others that one waits for.
const CONFLICT_ATTEMPTS_MAX = 32

/**
 * The jittered pause after others were faster so many times, from 1. Who competes for one place in the log gets out of the way of
 * the others by waiting for as long as so many attempts take: much longer, and the log stands idle, so that eight clients need
 * half a minute for what takes a second. Never longer than after as many failures, since clocks may jump.
 */
export async function pauseAfterConflicts(
  policy: RetryPolicy,
  { conflicts, attemptMs }: { readonly conflicts: number; readonly attemptMs: number },
  signal: AbortSignal | undefined,
): Promise<void> {
  // The first conflict says no more than that somebody has committed.
  if (conflicts <= 1) return
  const windowMs = Math.max(attemptMs, 1) * Math.min(2 ** conflicts, CONFLICT_ATTEMPTS_MAX)
  await delay(policy.timers, Math.min(windowMs * policy.random(), backOffMs(policy, conflicts - 1, DELAY_MS_MAX)), signal)
}

/** How long to wait after so many failures, from 1, of something that goes on for ever; as long as a server asked for, at least. */
export function steadyPauseMs(policy: RetryPolicy, failures: number, error: unknown): number {
  return Math.max(backOffMs(policy, failures, STEADY_DELAY_MS_MAX), Math.min(retryAfterMs(error) ?? 0, STEADY_DELAY_MS_MAX))
}

function backOffMs({ delayMs, random }: RetryPolicy, attempt: number, mostMs: number): number {
  return Math.min(delayMs * 2 ** (attempt - 1), mostMs) * (0.5 + random() / 2)
}
