import type { VolumeId } from '@graft-ts/volume'
import { ProtocolError } from './errors.ts'

/** What a caller wants to do with a volume. The first commit needs `create` and `write`. None of them implies another. */
export type Action = 'read' | 'write' | 'create' | 'admin'

/** Who a caller is. Segment refs are good for the principal that uploaded them. */
export interface Principal {
  /** Stable and unique among all callers; not empty. */
  readonly id: string
  /** When what the caller showed stops being good, in milliseconds since 1970; a watch ends then. Absent: never. */
  readonly expiresAtMs?: number
}

/** A call that is about to happen. */
export interface AuthorizationRequest {
  /** Headers of the request, with its token. */
  readonly headers: Headers
  readonly action: Action
  readonly volumeId: VolumeId
  /**
   * Set on a `read` whose answer tells which pages changed, when and by whom, and nothing of what is in them: all that a
   * meta store answers. A conflict tells a writer as much (I7).
   */
  readonly isMetadata?: true
}

/**
 * Decides whether a call may happen, before anything tells whether the volume exists.
 *
 * @returns Who the caller is.
 * @throws An error of kind `denied`.
 */
export type Authorize = (request: AuthorizationRequest) => Promise<Principal>

/** No authorization: everybody may do everything, as one principal. For one's own process and loopback. */
export const allowEverybody: Authorize = async () => ({ id: 'everybody' })

/**
 * What a server asks instead of the bare function that it was given, for callers without types: one that was forgotten is
 * refused at the start, and an answer that names nobody, such as `true` or `false`, is no permission.
 *
 * @throws {@link ProtocolError} `OPTIONS_INVALID` if there is no function. The result throws `ACCESS_DENIED` where the
 * function's answer is not a principal.
 */
export function requireAuthorize(authorize: unknown): Authorize {
  if (typeof authorize !== 'function') {
    throw new ProtocolError('OPTIONS_INVALID', 'authorize must be a function; allowEverybody is one, if everybody may do all')
  }
  return async (request) => {
    const principal: unknown = await (authorize as Authorize)(request)
    if (!isPrincipal(principal)) throw accessDenied()
    return principal
  }
}

function isPrincipal(value: unknown): value is Principal {
  if (typeof value !== 'object' || value === null) return false
  const { id, expiresAtMs } = value as Partial<Record<keyof Principal, unknown>>
  return typeof id === 'string' && id !== '' && (expiresAtMs === undefined || typeof expiresAtMs === 'number')
}

/** A refusal that does not tell its reason: whoever is refused learns nothing about rights, keys or volumes from it. */
export function accessDenied(): ProtocolError {
  return new ProtocolError('ACCESS_DENIED', 'not allowed')
}
