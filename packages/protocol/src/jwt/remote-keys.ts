import type { Timers } from '@graft-ts/volume'
import { ProtocolError } from '../errors.ts'
import type { Jwk } from './algorithms.ts'
import { boundedText } from './bounded-text.ts'
import type { JwtLog } from './events.ts'
import { bindKey, KEYS_MAX, type KeySet, type KeySource, problemOf, type VerificationKey } from './key-set.ts'

/** What {@link RemoteKeys} goes by. */
export interface RemoteKeysOptions {
  readonly issuer: string
  /** Where the issuer publishes its keys, as a JWKS (RFC 7517). */
  readonly url: string
  readonly fetch: typeof fetch
  readonly nowMs: () => number
  readonly timers: Timers
  readonly log: JwtLog
}

/** How long keys are used before they are asked for again: so long does a dropped one live on. */
const FRESH_MS = 600_000
/** How long they are used if the issuer does not answer. */
const BRIDGE_MS = 3_600_000
/** Anybody can send an unknown key id; that must not become a load on the issuer. */
const PAUSE_MS = 30_000
const PAUSE_AFTER_FAILURE_MS = 5000
const TIMEOUT_MS = 5000
const ANSWER_BYTES_MAX = 256 * 1024

/**
 * The keys that an issuer publishes, fetched when first needed, again every ten minutes, and when a key id is new, at most
 * once in half a minute. One request at a time, whoever waits for it.
 *
 * Not jose's remote set: that one reads the system's clock and takes answers of any length.
 */
export class RemoteKeys implements KeySource {
  readonly #options: RemoteKeysOptions
  #known: { readonly keys: KeySet; readonly fetchedMs: number } | undefined
  #nextTryMs = Number.NEGATIVE_INFINITY
  #fetching: Promise<void> | undefined

  constructor(options: RemoteKeysOptions) {
    this.#options = options
  }

  async find(keyId: string): Promise<VerificationKey | undefined> {
    if (this.#ageMs() >= FRESH_MS) await this.#refresh()
    const key = this.#usable().get(keyId)
    if (key !== undefined) return key
    await this.#refresh()
    return this.#usable().get(keyId)
  }

  #ageMs(): number {
    return this.#known === undefined ? Number.POSITIVE_INFINITY : this.#options.nowMs() - this.#known.fetchedMs
  }

  #usable(): KeySet {
    if (this.#known === undefined || this.#ageMs() >= BRIDGE_MS) {
      throw new ProtocolError('KEYS_UNAVAILABLE', 'the keys that tokens are checked with cannot be had at the moment')
    }
    return this.#known.keys
  }

  /** Fetches the keys unless it was tried a moment ago. Never rejects. */
  async #refresh(): Promise<void> {
    if (this.#fetching === undefined && this.#options.nowMs() < this.#nextTryMs) return
    this.#fetching ??= this.#replace().finally(() => {
      this.#fetching = undefined
    })
    await this.#fetching
  }

  async #replace(): Promise<void> {
    const { issuer, nowMs, log } = this.#options
    try {
      const { keys, skipped } = keysOf(await this.#download())
      this.#known = { keys, fetchedMs: nowMs() }
      this.#nextTryMs = nowMs() + PAUSE_MS
      log({ type: 'keys-fetched', issuer, keys: keys.size, skipped })
    } catch (error) {
      this.#nextTryMs = nowMs() + PAUSE_AFTER_FAILURE_MS
      const reason = error instanceof Error ? error.message : 'unknown'
      log({ type: 'keys-failed', issuer, reason, isBridged: this.#ageMs() < BRIDGE_MS })
    }
  }

  async #download(): Promise<string> {
    const { url, fetch, timers } = this.#options
    const abort = new AbortController()
    let cancel = (): void => undefined
    const tooLate = new Promise<never>((_, reject) => {
      cancel = timers.start(() => {
        reject(new Error(`no answer within ${TIMEOUT_MS} ms`))
        abort.abort()
      }, TIMEOUT_MS)
    })
    try {
      return await Promise.race([this.#ask(fetch, url, abort.signal), tooLate])
    } finally {
      cancel()
    }
  }

  async #ask(send: typeof fetch, url: string, signal: AbortSignal): Promise<string> {
    // Whoever may redirect could hand out keys.
    const response = await send(url, { headers: { accept: 'application/json' }, redirect: 'error', signal })
    if (response.status !== 200) {
      await response.body?.cancel()
      throw new Error(`the answer has status ${response.status}`)
    }
    return boundedText(response, ANSWER_BYTES_MAX)
  }
}

/** The keys of an answer. Those that are for something else are passed over: an issuer may publish them beside ours. */
function keysOf(text: string): { readonly keys: KeySet; readonly skipped: number } {
  const published = jwksOf(text)
  const usable = published.filter((jwk): jwk is Jwk => problemOf(jwk) === undefined).slice(0, KEYS_MAX)
  const keys = new Map(usable.map((jwk) => [jwk['kid'] as string, bindKey(jwk)]))
  return { keys, skipped: published.length - keys.size }
}

function jwksOf(text: string): unknown[] {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    // Without the engine's message, which quotes the text.
    throw new Error('the answer is not JSON')
  }
  const keys = typeof parsed === 'object' && parsed !== null ? (parsed as { keys?: unknown }).keys : undefined
  if (!Array.isArray(keys)) throw new Error('the answer holds no list of keys')
  return keys
}
