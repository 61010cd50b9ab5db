import { errors, type JWTPayload, jwtVerify } from 'jose'
import type { Principal } from '../authorization.ts'
import type { TokenNames } from './bearer.ts'
import { type JwtRefusal, Refusal } from './events.ts'
import { GRANTS_CLAIM, type Grants, grantsFromClaim } from './grants.ts'
import type { VerificationKey } from './key-set.ts'
import { isSubject } from './names.ts'
import type { JwtPolicy } from './options.ts'

/** A token that was found good. */
export interface VerifiedToken {
  /** The key that it was verified with; another one under the same id means that it has to be verified again. */
  readonly key: VerificationKey
  readonly principal: Required<Principal>
  readonly grants: Grants
}

/** The key that a token names. Throws {@link Refusal}; what the issuer's keys throw. */
export async function keyOf(names: TokenNames, { keysOf }: JwtPolicy): Promise<VerificationKey> {
  const keys = keysOf.get(names.issuer)
  if (keys === undefined) throw new Refusal('issuer')
  const key = await keys.find(names.keyId)
  if (key === undefined) throw new Refusal('key')
  return key
}

/** Checks signature and claims of a token. Throws {@link Refusal}. */
export async function verifyToken(token: string, key: VerificationKey, policy: JwtPolicy): Promise<VerifiedToken> {
  const payload = await verifiedPayload(token, key, policy)
  const grants = grantsFromClaim(payload[GRANTS_CLAIM])
  if (grants === undefined) throw new Refusal('grants')
  return { key, principal: principalOf(payload, policy), grants }
}

async function verifiedPayload(token: string, key: VerificationKey, policy: JwtPolicy): Promise<JWTPayload> {
  const cryptoKey = await key.cryptoKey().catch(() => {
    throw new Refusal('key')
  })
  try {
    const { payload } = await jwtVerify(token, cryptoKey, {
      algorithms: [key.algorithm],
      audience: policy.audience,
      requiredClaims: ['exp', 'iat', 'sub'],
      clockTolerance: policy.clockToleranceMs / 1000,
      currentDate: new Date(policy.nowMs()),
    })
    return payload
  } catch (error) {
    // Without the error as cause: some of jose's hold the claims.
    throw new Refusal(reasonOf(error))
  }
}

const REASON_OF_CODE: Readonly<Record<string, JwtRefusal>> = {
  ERR_JWT_EXPIRED: 'expired',
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: 'signature',
  ERR_JOSE_ALG_NOT_ALLOWED: 'algorithm',
}

function reasonOf(error: unknown): JwtRefusal {
  if (!(error instanceof errors.JOSEError)) return 'malformed'
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === 'aud') return 'audience'
    if (error.claim === 'nbf' && error.reason === 'check_failed') return 'too-early'
  }
  return REASON_OF_CODE[error.code] ?? 'malformed'
}

function principalOf({ iss, sub, iat, exp }: JWTPayload, policy: JwtPolicy): Required<Principal> {
  const { nowMs, clockToleranceMs, lifetimeMsMax } = policy
  if (typeof iat !== 'number' || typeof exp !== 'number') throw new Refusal('malformed')
  if (iat * 1000 > nowMs() + clockToleranceMs) throw new Refusal('too-early')
  if ((exp - iat) * 1000 > lifetimeMsMax) throw new Refusal('lifetime')
  if (!isSubject(sub)) throw new Refusal('malformed')
  // Issuers hold no `#`, so that no two pairs give the same id.
  return { id: `${iss}#${sub}`, expiresAtMs: exp * 1000 + clockToleranceMs }
}
