import { newVolumeId, systemIdSource, type VolumeId } from '@graft-ts/volume'
import { importJWK, SignJWT } from 'jose'
import type { Action, Authorize, Principal } from '../../src/index.ts'
import { type Jwk, type JwtEvent, type JwtOptions, jwtAuthorize, newSigningKey, type SigningKey } from '../../src/jwt.ts'

export const ISSUER = 'https://issuer.example'
export const AUDIENCE = 'https://graft.example'
/** A whole second. */
export const NOW_MS = 1_900_000_000_000
export const NOW = NOW_MS / 1000

export const volumeA: VolumeId = newVolumeId(systemIdSource)
export const volumeB: VolumeId = newVolumeId(systemIdSource)

/** Claims of a token that may do all with volume A for an hour. */
export const goodClaims: Readonly<Record<string, unknown>> = {
  iss: ISSUER,
  sub: 'user-1',
  aud: AUDIENCE,
  iat: NOW,
  exp: NOW + 3600,
  graft: [{ actions: ['read', 'write', 'create'], volumes: [volumeA] }],
}

/** Signs anything, with any header. A claim that is `undefined` is left out. */
export async function sign(key: Jwk, claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}) {
  const { kid, alg } = key as { kid: string; alg: string }
  const given = JSON.parse(JSON.stringify({ ...goodClaims, ...claims })) as Record<string, unknown>
  return new SignJWT(given).setProtectedHeader({ alg, kid, ...header }).sign(await importJWK(key, alg))
}

/** A part of a token. */
export function encodePart(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

/** An authorization with its clock, and what it reported. */
export interface Harness {
  readonly authorize: Authorize
  readonly key: SigningKey
  readonly events: JwtEvent[]
  readonly clock: { nowMs: number }
  /** Asks for one action; what is not given is reading volume A. */
  readonly ask: (token: string | undefined, action?: Action, volumeId?: VolumeId, isMetadata?: true) => Promise<Principal>
  /** Why the last call was refused. */
  readonly lastReason: () => string | undefined
}

export async function openHarness(options: Partial<JwtOptions> = {}): Promise<Harness> {
  const key = await newSigningKey({ keyId: 'k1' })
  const events: JwtEvent[] = []
  const clock = { nowMs: NOW_MS }
  const authorize = jwtAuthorize({
    issuers: [{ issuer: ISSUER, keys: [key.publicKey] }],
    audience: AUDIENCE,
    nowMs: () => clock.nowMs,
    log: (event) => void events.push(event),
    ...options,
  })
  return {
    authorize,
    key,
    events,
    clock,
    ask: (token, action = 'read', volumeId = volumeA, isMetadata) => {
      const headers = new Headers(token === undefined ? {} : { authorization: `Bearer ${token}` })
      return authorize({ headers, action, volumeId, ...(isMetadata !== undefined && { isMetadata }) })
    },
    lastReason: () => {
      const event = events.at(-1)
      return event?.type === 'access-denied' ? event.reason : undefined
    },
  }
}

export const DENIED = { name: 'ProtocolError', kind: 'denied', code: 'ACCESS_DENIED', message: 'not allowed' }
