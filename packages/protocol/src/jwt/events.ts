import type { VolumeId } from '@graft-ts/volume'
import type { Action } from '../authorization.ts'

/**
 * Why a call was refused: told to the log, never to the caller.
 *
 * `no-token` no header, or not one bearer token · `malformed` no signed JWT, or claims of a wrong form · `too-long` ·
 * `issuer` not one of ours · `key` none of that issuer has this id, or it cannot be used · `algorithm` not the key's ·
 * `signature` · `audience` · `expired` · `too-early` before `nbf` or `iat` · `lifetime` longer than allowed · `grants` not
 * of the documented form · `right` all is well, but this action on this volume is not granted.
 */
export type JwtRefusal =
  | 'no-token'
  | 'malformed'
  | 'too-long'
  | 'issuer'
  | 'key'
  | 'algorithm'
  | 'signature'
  | 'audience'
  | 'expired'
  | 'too-early'
  | 'lifetime'
  | 'grants'
  | 'right'

/** What the authorization reports. Holds no tokens, no keys, and nothing that a token says before it was verified. */
export type JwtEvent =
  | {
      readonly type: 'access-denied'
      readonly reason: JwtRefusal
      readonly action: Action
      readonly volumeId: VolumeId
      /** `undefined`: the token was not verified, so nobody knows. */
      readonly principal: string | undefined
    }
  | {
      readonly type: 'keys-fetched'
      readonly issuer: string
      readonly keys: number
      /** Keys of the answer that are for something else, or that are not understood. */
      readonly skipped: number
    }
  | {
      readonly type: 'keys-failed'
      readonly issuer: string
      readonly reason: string
      /** Whether the keys that were fetched before are used on. */
      readonly isBridged: boolean
    }

/** Takes the events. What it throws is ignored. */
export type JwtLog = (event: JwtEvent) => void

/** Ends the check of a token. Never leaves this package: the caller gets `ACCESS_DENIED`. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly reason: JwtRefusal

  constructor(reason: JwtRefusal) {
    super(reason)
    this.reason = reason
  }
}
