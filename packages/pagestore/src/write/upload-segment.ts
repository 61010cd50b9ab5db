import type { ObjectStore, StoreError } from '@graft-ts/storage-adapters'
import { isTypedError, type Timers } from '@graft-ts/volume'
import { delay } from '../delay.ts'
import { PagestoreError } from '../errors.ts'

/** How an upload is tried. */
export interface UploadOptions {
  readonly store: ObjectStore
  readonly timers: Timers
  readonly attemptsMax: number
  readonly timeoutMs: number
  readonly retryDelayMs: number
  /** Ends the try that is under way, and allows no other. */
  readonly signal: AbortSignal
  /** A number from 0 to 1, drawn for each pause. */
  readonly random: () => number
  /** Told before each pause. */
  readonly onRetry: (attempt: number, error: { readonly kind: string; readonly code: string }) => void
}

/** How a failed try looks to the caller's log and to the next step. */
interface Failure {
  readonly kind: string
  readonly code: string
  readonly retryAfterMs?: number | undefined
  readonly cause: unknown
}

// Another try with the same bytes may succeed; the others fail the same way each time.
const RETRIED: ReadonlySet<string> = new Set(['unavailable', 'unknown'])
// The one limit of a store that passes by itself.
const THROTTLED = 'STORE_THROTTLED'
const RETRY_DELAY_MS_MAX = 10_000

/**
 * Makes a segment durable: creates the object, and tries again with the same key and the same bytes.
 *
 * Segment ids are never used twice, so an object that is already there can only be this one: an earlier try whose reply
 * was lost. It is read back and compared before that is believed.
 *
 * @returns How many tries it took.
 * @throws {@link PagestoreError} `SEGMENT_UPLOAD` (`unavailable`, or `exhausted` when the store has no room) once it is
 * given up. The object may then exist, but nothing refers to it.
 */
export async function uploadSegment(key: string, bytes: Uint8Array, options: UploadOptions): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    const failure = await tryOnce(key, bytes, options)
    if (failure === undefined) return attempt
    const isLast = attempt >= options.attemptsMax || options.signal.aborted
    if (isLast || !isPassing(failure)) throw uploadFailed(failure, attempt)
    options.onRetry(attempt, failure)
    await delay(options.timers, pauseMs(attempt, failure, options), options.signal)
    if (options.signal.aborted) throw uploadFailed(failure, attempt)
  }
}

/** Doubles with each try, less a random half; not less than the store asks for. */
function pauseMs(attempt: number, failure: Failure, { retryDelayMs, random }: UploadOptions): number {
  const ownMs = retryDelayMs * 2 ** (attempt - 1) * (0.5 + random() / 2)
  return Math.min(Math.max(ownMs, failure.retryAfterMs ?? 0), RETRY_DELAY_MS_MAX)
}

function isPassing(failure: Failure): boolean {
  return RETRIED.has(failure.kind) || failure.code === THROTTLED
}

async function tryOnce(key: string, bytes: Uint8Array, options: UploadOptions): Promise<Failure | undefined> {
  const { store } = options
  const created = await attempt(options, (signal) => store.create(key, bytes, { signal }))
  if (!('failure' in created)) return undefined
  const { failure } = created
  if (options.signal.aborted || (failure.kind !== 'conflict' && failure.kind !== 'unknown')) return failure
  const compared = await attempt(options, (signal) => compareStored(key, bytes, store, signal))
  // Not knowing is not the same as absent: the next try finds out.
  if ('failure' in compared) return { ...compared.failure, kind: 'unknown' }
  if (compared.value === 'same') return undefined
  return { ...failure, kind: compared.value === 'other' ? 'conflict' : 'unknown' }
}

async function compareStored(
  key: string,
  bytes: Uint8Array,
  store: ObjectStore,
  signal: AbortSignal,
): Promise<'same' | 'other' | 'absent'> {
  // The size first: it tells most cases apart without moving the bytes.
  const info = await store.head(key, { signal })
  if (info === undefined) return 'absent'
  if (info.size !== bytes.length) return 'other'
  const stored = await store.get(key, { signal })
  if (stored === undefined) return 'absent'
  return isSame(stored.bytes, bytes) ? 'same' : 'other'
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Runs one call under timeout and signal; a call that is cut off by them has an unknown outcome. */
async function attempt<T>(
  options: UploadOptions,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<{ readonly value: T } | { readonly failure: Failure }> {
  const controller = new AbortController()
  let cut: (code: string) => void = () => undefined
  const cutOff = new Promise<{ readonly failure: Failure }>((resolve) => {
    cut = (code) => {
      resolve({ failure: { kind: 'unknown', code, cause: undefined } })
      controller.abort()
    }
  })
  const stop = (): void => cut('UPLOAD_STOPPED')
  const cancel = options.timers.start(() => cut('UPLOAD_TIMEOUT'), options.timeoutMs)
  options.signal.addEventListener('abort', stop)
  const settled = call(controller.signal).then(
    (value) => ({ value }),
    (error: unknown) => ({ failure: failureOf(error) }),
  )
  try {
    // The race, not the signal, ends the wait: a store may be deaf to the signal.
    return await Promise.race([settled, cutOff])
  } finally {
    cancel()
    options.signal.removeEventListener('abort', stop)
  }
}

function failureOf(cause: unknown): Failure {
  // An error without a kind says nothing about the effect.
  if (!isTypedError(cause)) return { kind: 'unknown', code: 'UNTYPED', cause }
  const { retryAfterMs } = cause as Partial<StoreError>
  return { kind: cause.kind, code: cause.code, retryAfterMs, cause }
}

function uploadFailed(failure: Failure, attempts: number): PagestoreError {
  const message = `the pages could not be stored, attempts=${attempts} cause=${failure.code}`
  if (failure.kind !== 'exhausted') return new PagestoreError('SEGMENT_UPLOAD', message, { cause: failure.cause })
  // A store that slows its callers down will go on; one that is full will not, so nobody is told to wait for it.
  const hint = failure.code === THROTTLED ? { retryAfterMs: failure.retryAfterMs ?? RETRY_DELAY_MS_MAX } : {}
  return new PagestoreError('SEGMENT_UPLOAD', message, { kind: 'exhausted', ...hint, cause: failure.cause })
}
