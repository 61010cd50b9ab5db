import { importJWK, type JWK } from 'jose'
import { algorithmOf, type Jwk, type JwtAlgorithm } from './algorithms.ts'

/** A public key, bound to the one algorithm that it verifies. */
export interface VerificationKey {
  readonly algorithm: JwtAlgorithm
  /** Rejects if the numbers of the key make no sense. */
  readonly cryptoKey: () => Promise<CryptoKey>
}

/** Public keys by their `kid`. */
export type KeySet = ReadonlyMap<string, VerificationKey>

/** Where the keys of an issuer come from. */
export interface KeySource {
  /**
   * The key with that id, now.
   *
   * @throws `ProtocolError` `KEYS_UNAVAILABLE` if nobody knows.
   */
  find(keyId: string): Promise<VerificationKey | undefined>
}

/** Keys of one issuer at most. */
export const KEYS_MAX = 100
const KEY_ID_LENGTH_MAX = 256
const RSA_BYTES = { min: 256, max: 1024 }
const SECRET_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv']

/** What is wrong with a key, without any of its contents; `undefined`: nothing. */
export function problemOf(jwk: unknown): string | undefined {
  if (typeof jwk !== 'object' || jwk === null) return 'not an object'
  const key = jwk as Jwk
  const { kid, use, key_ops: operations } = key
  if (SECRET_MEMBERS.some((member) => member in key)) return 'not a public key'
  if (typeof kid !== 'string' || kid === '' || kid.length > KEY_ID_LENGTH_MAX) return 'no kid'
  if (use !== undefined && use !== 'sig') return 'not for signatures'
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) return 'not for verifying'
  if (algorithmOf(key) === undefined) return 'of no algorithm that is understood'
  return key['kty'] === 'RSA' && !isRsaSize(key['n']) ? 'an RSA key must have 2,048 to 8,192 bits' : undefined
}

function isRsaSize(modulus: unknown): boolean {
  if (typeof modulus !== 'string') return false
  const bytes = Math.floor((modulus.length * 3) / 4)
  return bytes >= RSA_BYTES.min && bytes <= RSA_BYTES.max
}

/** Binds a key that has no {@link problemOf}. */
export function bindKey(jwk: Jwk): VerificationKey {
  const algorithm = algorithmOf(jwk) as JwtAlgorithm
  const { kty, crv, x, y, n, e } = jwk
  // Nothing else of the key counts; what of these is no text makes the import fail.
  const numbers = { kty, crv, x, y, n, e } as JWK
  let imported: Promise<CryptoKey> | undefined
  // Imported when first needed: a promise that fails before anybody waits for it would end the process.
  return {
    algorithm,
    cryptoKey: () => (imported ??= importJWK(numbers, algorithm) as Promise<CryptoKey>),
  }
}

/** Keys that are given once and for all. */
export function fixedKeys(keys: KeySet): KeySource {
  return { find: async (keyId) => keys.get(keyId) }
}
