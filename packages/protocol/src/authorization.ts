import type { VolumeId } from '@graft-ts/volume'

/** What a caller wants to do with a volume. The first commit needs `create` and `write`. */
export type Action = 'read' | 'write' | 'create' | 'admin'

/** Who a caller is. Segment refs are good for the principal that uploaded them. */
export interface Principal {
  /** Stable and unique among all callers. */
  readonly id: string
}

/** A call that is about to happen. */
export interface AuthorizationRequest {
  /** Headers of the request, with its token. */
  readonly headers: Headers
  readonly action: Action
  readonly volumeId: VolumeId
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
