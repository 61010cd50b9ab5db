import { decodeJwt, decodeProtectedHeader } from 'jose'
import { Refusal } from './events.ts'

/** Longer ones are refused before anything is done with them. What all of HTTP lets through is about twice that. */
export const TOKEN_LENGTH_MAX = 8192

const SCHEME = 'bearer '
const COMPACT_JWS = /^[\w-]+\.[\w-]+\.[\w-]+$/

/** The bearer token of a request, as yet only of the right shape. Throws {@link Refusal}. */
export function bearerToken(headers: Headers): string {
  // Several headers arrive joined by commas, which no token holds.
  const header = headers.get('authorization')
  if (header === null) throw new Refusal('no-token')
  if (header.length > SCHEME.length + TOKEN_LENGTH_MAX) throw new Refusal('too-long')
  if (header.slice(0, SCHEME.length).toLowerCase() !== SCHEME) throw new Refusal('no-token')
  const token = header.slice(SCHEME.length)
  if (!COMPACT_JWS.test(token)) throw new Refusal('malformed')
  return token
}

/** Which key a token asks to be verified with. */
export interface TokenNames {
  readonly issuer: string
  readonly keyId: string
}

/** Reads what a token says about itself, which is good for finding the key and for nothing else. Throws {@link Refusal}. */
export function unverifiedNames(token: string): TokenNames {
  const [{ kid, crit }, { iss }] = decoded(token)
  // An extension that has to be understood is not.
  if (typeof kid !== 'string' || typeof iss !== 'string' || crit !== undefined) throw new Refusal('malformed')
  return { issuer: iss, keyId: kid }
}

function decoded(token: string) {
  try {
    return [decodeProtectedHeader(token), decodeJwt(token)] as const
  } catch {
    throw new Refusal('malformed')
  }
}
