import { type AuthorizationRequest, type Authorize, accessDenied } from '../authorization.ts'
import { bearerToken, type TokenNames, unverifiedNames } from './bearer.ts'
import { Refusal } from './events.ts'
import { allows } from './grants.ts'
import type { VerificationKey } from './key-set.ts'
import { type JwtOptions, type JwtPolicy, jwtPolicy } from './options.ts'
import { keyOf, type VerifiedToken, verifyToken } from './verify.ts'

/** Verified tokens that are kept, of at most 8 KiB each. */
const REMEMBERED_MAX = 1000

/**
 * Decides by signed tokens (JWT): each call needs one of a known issuer, for this deployment, not expired, that grants the
 * action on the volume. The claims are those of docs/protocol/authorization.md.
 *
 * Whatever is wrong, the caller gets one and the same `ACCESS_DENIED` (kind `denied`); `log` is told which check failed. The
 * principal is issuer and subject, and expires with the token. A token costs one signature check and is then remembered,
 * among at most 1,000, for as long as its key is used.
 *
 * @throws {@link ProtocolError} `OPTIONS_INVALID`. The result throws `ACCESS_DENIED`, and `KEYS_UNAVAILABLE` (kind
 * `unavailable`) while the keys of an issuer cannot be fetched.
 */
export function jwtAuthorize(options: JwtOptions): Authorize {
  const policy = jwtPolicy(options)
  const tokens = new VerifiedTokens(policy)
  return async (request) => {
    let principal: string | undefined
    try {
      const verified = await tokens.verify(bearerToken(request.headers))
      principal = verified.principal.id
      if (!allows(verified.grants, request)) throw new Refusal('right')
      return verified.principal
    } catch (error) {
      throw error instanceof Refusal ? denied(error, request, principal, policy) : error
    }
  }
}

function denied(refusal: Refusal, request: AuthorizationRequest, principal: string | undefined, { log }: JwtPolicy) {
  const { action, volumeId } = request
  log({ type: 'access-denied', reason: refusal.reason, action, volumeId, principal })
  // Not with the refusal as cause, which others might show.
  return accessDenied()
}

interface KnownToken {
  readonly names: TokenNames
  readonly verified: VerifiedToken
}

/** Checks tokens, and each of them only once. */
class VerifiedTokens {
  readonly #policy: JwtPolicy
  /** The longest unused one first. */
  readonly #remembered = new Map<string, KnownToken>()
  /** A watch of many volumes asks for all of them at once, with one token. */
  readonly #underWay = new Map<string, { readonly key: VerificationKey; readonly verified: Promise<VerifiedToken> }>()

  constructor(policy: JwtPolicy) {
    this.#policy = policy
  }

  async verify(token: string): Promise<VerifiedToken> {
    const known = this.#remembered.get(token)
    const names = known?.names ?? unverifiedNames(token)
    // Asked for each time, so that a key which was dropped takes its tokens along.
    const key = await keyOf(names, this.#policy)
    const verified = known?.verified.key === key ? known.verified : await this.#verifyOnce(token, key)
    this.#remembered.delete(token)
    if (this.#policy.nowMs() >= verified.principal.expiresAtMs) throw new Refusal('expired')
    this.#remember(token, { names, verified })
    return verified
  }

  #verifyOnce(token: string, key: VerificationKey): Promise<VerifiedToken> {
    const other = this.#underWay.get(token)
    if (other?.key === key) return other.verified
    const verified = verifyToken(token, key, this.#policy).finally(() => this.#underWay.delete(token))
    this.#underWay.set(token, { key, verified })
    return verified
  }

  #remember(token: string, known: KnownToken): void {
    this.#remembered.set(token, known)
    if (this.#remembered.size <= REMEMBERED_MAX) return
    const [longestUnused] = this.#remembered.keys()
    this.#remembered.delete(longestUnused as string)
  }
}
