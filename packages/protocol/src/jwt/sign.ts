import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, SignJWT } from 'jose'
import { ProtocolError } from '../errors.ts'
import { algorithmOf, type Jwk } from './algorithms.ts'
import { TOKEN_LENGTH_MAX } from './bearer.ts'
import { GRANTS_CLAIM, type Grant, grantsFromClaim } from './grants.ts'
import { isIssuer, isSubject } from './names.ts'

/** A new pair of keys. */
export interface SigningKey {
  /** A secret: it makes tokens. */
  readonly privateKey: Jwk
  /** What servers check them with. */
  readonly publicKey: Jwk
}

/** What a token says. */
export interface TokenContents {
  readonly issuer: string
  /** Who it is for; stays the same when the token is renewed. */
  readonly subject: string
  /** Which deployment it is for. */
  readonly audience: string
  readonly grants: readonly Grant[]
  /** From now on, in milliseconds: at least 1,000; rounded up to seconds. */
  readonly lifetimeMs: number
}

/**
 * Makes a pair of keys for ES256, which every runtime has.
 *
 * @param options.keyId Default: the thumbprint of the key (RFC 7638).
 */
export async function newSigningKey(options: { readonly keyId?: string } = {}): Promise<SigningKey> {
  const pair = await generateKeyPair('ES256', { extractable: true })
  const publicJwk = await exportJWK(pair.publicKey)
  const names = { kid: options.keyId ?? (await calculateJwkThumbprint(publicJwk)), alg: 'ES256', use: 'sig' }
  return { privateKey: { ...(await exportJWK(pair.privateKey)), ...names }, publicKey: { ...publicJwk, ...names } }
}

/**
 * Makes a token: for tests, for operators, and for a small issuer of one's own.
 *
 * @param privateKey As {@link newSigningKey} makes it, or another private JWK with `kid`, of an algorithm that is understood.
 * @param clock.nowMs Milliseconds since 1970. Default: the system's clock.
 * @throws {@link ProtocolError} `OPTIONS_INVALID` for a key or contents that no server would take.
 */
export async function signToken(
  privateKey: Jwk,
  contents: TokenContents,
  clock: { readonly nowMs?: () => number } = {},
): Promise<string> {
  const { issuer, subject, audience, grants, lifetimeMs } = contents
  const { kid, d } = privateKey
  const algorithm = algorithmOf(privateKey)
  if (algorithm === undefined || typeof kid !== 'string' || typeof d !== 'string') {
    throw invalid('not a private key with a kid, of an algorithm that is understood')
  }
  checkContents(contents)
  const issuedAt = Math.floor((clock.nowMs ?? Date.now)() / 1000)
  const token = await new SignJWT({ [GRANTS_CLAIM]: grants })
    .setProtectedHeader({ alg: algorithm, kid, typ: 'JWT' })
    .setIssuer(issuer)
    .setSubject(subject)
    .setAudience(audience)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + Math.ceil(lifetimeMs / 1000))
    .sign(await importJWK(privateKey, algorithm))
  if (token.length > TOKEN_LENGTH_MAX) {
    throw invalid(`a token has at most ${TOKEN_LENGTH_MAX} characters, got=${token.length}; grant fewer volumes`)
  }
  return token
}

function checkContents({ issuer, subject, audience, grants, lifetimeMs }: TokenContents): void {
  if (!isIssuer(issuer)) throw invalid('an issuer must be a name without spaces and #')
  if (!isSubject(subject)) throw invalid('a subject has 1 to 255 characters, none of them a control character')
  if (audience === '') throw invalid('audience must be a name')
  if (grantsFromClaim(grants) === undefined) throw invalid('not a list of grants')
  if (!Number.isFinite(lifetimeMs) || lifetimeMs < 1000) throw invalid(`lifetimeMs must be at least 1000, got=${lifetimeMs}`)
}

function invalid(message: string): ProtocolError {
  return new ProtocolError('OPTIONS_INVALID', message)
}
