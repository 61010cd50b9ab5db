/** A key as JSON (RFC 7517): what `kty` it has decides which members there are. */
export type Jwk = Readonly<Record<string, unknown>>

/**
 * The signatures that are understood. There is none with a shared secret: whoever can check those can make them, and a
 * public key could be passed off as the secret.
 */
export type JwtAlgorithm = 'ES256' | 'ES384' | 'EdDSA' | 'Ed25519' | 'RS256' | 'PS256'

interface KeyType {
  readonly kty: string
  readonly crv?: string
}

const KEY_TYPE_OF: Readonly<Record<JwtAlgorithm, KeyType>> = {
  ES256: { kty: 'EC', crv: 'P-256' },
  ES384: { kty: 'EC', crv: 'P-384' },
  EdDSA: { kty: 'OKP', crv: 'Ed25519' },
  Ed25519: { kty: 'OKP', crv: 'Ed25519' },
  RS256: { kty: 'RSA' },
  PS256: { kty: 'RSA' },
}
const ALGORITHMS = Object.keys(KEY_TYPE_OF) as JwtAlgorithm[]

/**
 * The one algorithm that a key is for: its `alg`, or, for issuers that publish none, the usual one of its type (ES256,
 * ES384, EdDSA, RS256).
 *
 * @returns `undefined` if the key is of no type that is understood, or `alg` does not fit the type.
 */
export function algorithmOf(jwk: Jwk): JwtAlgorithm | undefined {
  const { alg, kty, crv } = jwk
  const fits = (algorithm: JwtAlgorithm): boolean => KEY_TYPE_OF[algorithm].kty === kty && KEY_TYPE_OF[algorithm].crv === crv
  return ALGORITHMS.find((algorithm) => (alg === undefined || alg === algorithm) && fits(algorithm))
}
