import { systemTimers, type Timers } from '@graft-ts/volume'
import { ProtocolError } from '../errors.ts'
import { LOOPBACK_URL } from '../loopback.ts'
import { safeLog } from '../service/safe-log.ts'
import type { Jwk } from './algorithms.ts'
import type { JwtLog } from './events.ts'
import { bindKey, fixedKeys, KEYS_MAX, type KeySource, problemOf } from './key-set.ts'
import { isIssuer } from './names.ts'
import { RemoteKeys } from './remote-keys.ts'

/** Somebody whose tokens are believed. Its keys are good for its own tokens only. */
export interface JwtIssuer {
  /** The claim `iss`, compared byte by byte. Without spaces and `#`. */
  readonly issuer: string
  /**
   * Its public keys, each with a `kid`: 1 to 100 of them. To rotate, add the new one, sign with it, and drop the old one
   * when its last token has expired.
   */
  readonly keys?: readonly Jwk[]
  /**
   * Or where it publishes them as a JWKS: `https://`, or `http://` on this machine. A key that is dropped there is good
   * for another ten minutes, or an hour while the issuer does not answer.
   */
  readonly keysUrl?: string
}

/** What tokens are checked against. */
export interface JwtOptions {
  /** One or more, each once. */
  readonly issuers: readonly JwtIssuer[]
  /** The name of this deployment: tokens for others have another `aud`. */
  readonly audience: string
  /** How far the clock of an issuer may be off, in milliseconds: 0 to 300,000. Default 30,000. */
  readonly clockToleranceMs?: number
  /** From `iat` to `exp` at most, in milliseconds: 1,000 to 366 days. Default one day. */
  readonly lifetimeMsMax?: number
  /** Milliseconds since 1970. Default: the system's clock. */
  readonly nowMs?: () => number
  /** Default: the runtime's timers. */
  readonly timers?: Timers
  /** Fetches keys. Default: the runtime's. */
  readonly fetch?: typeof fetch
  /** Told why a call was refused, which the caller is not. */
  readonly log?: JwtLog
}

/** Checked options with their defaults. */
export interface JwtPolicy {
  readonly keysOf: ReadonlyMap<string, KeySource>
  readonly audience: string
  readonly clockToleranceMs: number
  readonly lifetimeMsMax: number
  readonly nowMs: () => number
  readonly log: JwtLog
}

const CLOCK_TOLERANCE_MS = { default: 30_000, min: 0, max: 300_000 }
const LIFETIME_MS = { default: 86_400_000, min: 1000, max: 366 * 86_400_000 }

/** Fills in the defaults. Throws {@link ProtocolError} `OPTIONS_INVALID`, with nothing of any key in its text. */
export function jwtPolicy(options: JwtOptions): JwtPolicy {
  const { issuers, audience, clockToleranceMs, lifetimeMsMax, nowMs = Date.now } = options
  // Without these a token for anybody would do; callers without types might leave them out.
  if (typeof audience !== 'string' || audience === '') throw invalid('audience must be a name')
  if (!Array.isArray(issuers) || issuers.length === 0) throw invalid('there must be at least one issuer')
  const log = safeLog(options.log)
  const keysOf = new Map(
    issuers.map((given: JwtIssuer) => [checkIssuer(given.issuer), keySource(given, { ...options, nowMs, log })]),
  )
  if (keysOf.size !== issuers.length) throw invalid('an issuer is given twice')
  return {
    keysOf,
    audience,
    clockToleranceMs: inRange('clockToleranceMs', clockToleranceMs, CLOCK_TOLERANCE_MS),
    lifetimeMsMax: inRange('lifetimeMsMax', lifetimeMsMax, LIFETIME_MS),
    nowMs,
    log,
  }
}

function checkIssuer(issuer: unknown): string {
  if (isIssuer(issuer)) return issuer
  throw invalid('an issuer must be a name without spaces and #')
}

function keySource(given: JwtIssuer, options: JwtOptions & { readonly nowMs: () => number; readonly log: JwtLog }): KeySource {
  const { issuer, keys, keysUrl } = given
  if ((keys === undefined) === (keysUrl === undefined)) throw invalid(`give either keys or keysUrl, issuer=${issuer}`)
  if (keys !== undefined) return fixedKeys(checkKeys(keys, issuer))
  const { nowMs, log, timers = systemTimers } = options
  // Some runtimes insist on being called without a receiver.
  const send: typeof fetch = options.fetch ?? ((input, init) => globalThis.fetch(input, init))
  return new RemoteKeys({ issuer, url: checkUrl(keysUrl as string, issuer), fetch: send, nowMs, timers, log })
}

function checkKeys(keys: readonly Jwk[], issuer: string) {
  if (!Array.isArray(keys) || keys.length === 0 || keys.length > KEYS_MAX) {
    throw invalid(`an issuer must have 1 to ${KEYS_MAX} keys, issuer=${issuer}`)
  }
  for (const [index, jwk] of keys.entries()) {
    const problem = problemOf(jwk)
    if (problem !== undefined) throw invalid(`a key cannot be used: ${problem}, issuer=${issuer} index=${index}`)
  }
  const bound = new Map(keys.map((jwk: Jwk) => [jwk['kid'] as string, bindKey(jwk)]))
  if (bound.size !== keys.length) throw invalid(`two keys have the same kid, issuer=${issuer}`)
  return bound
}

// Whoever can change the answer can make tokens.
function checkUrl(url: string, issuer: string): string {
  if (typeof url === 'string' && URL.canParse(url) && (url.startsWith('https://') || LOOPBACK_URL.test(url))) return url
  throw invalid(`keysUrl must begin with https://, issuer=${issuer}`)
}

function inRange(name: string, value: number | undefined, range: { default: number; min: number; max: number }): number {
  const chosen = value ?? range.default
  if (Number.isSafeInteger(chosen) && chosen >= range.min && chosen <= range.max) return chosen
  throw invalid(`${name} must be ${range.min} to ${range.max}, got=${chosen}`)
}

function invalid(message: string): ProtocolError {
  return new ProtocolError('OPTIONS_INVALID', message)
}
