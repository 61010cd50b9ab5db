import { META_LIMITS_DEFAULT, type MetaLimits } from '@graft-ts/protocol'
import type { RequestLimits } from '@graft-ts/protocol/service'
import { TIMER_MS_MAX } from '@graft-ts/volume'
import { MetastoreError } from './errors.ts'

/** Ceilings of a meta store. `describe` tells clients those of {@link MetaLimits}, so that they can keep to them. */
export interface MetastoreLimits extends MetaLimits, RequestLimits {
  /** Commits in one history. Default 100,000. */
  readonly historyCommitsMax: number
  /** Calls of the handler under way at a time, watches not counted. Default 1,024. */
  readonly requestsMax: number
  /** Calls of one principal under way at a time, watches not counted. Default 256. */
  readonly requestsPerPrincipalMax: number
  /** How long a request body may take to arrive, milliseconds. Default 60,000. */
  readonly bodyMsMax: number
  /** Bytes of the request bodies of all calls under way; a call that would go beyond that is refused. Default 64 MiB. */
  readonly bodiesBytesMax: number
}

/** The limits where the caller names none. */
export const DEFAULT_LIMITS: MetastoreLimits = {
  ...META_LIMITS_DEFAULT,
  historyCommitsMax: 100_000,
  requestsMax: 1024,
  requestsPerPrincipalMax: 256,
  bodyMsMax: 60_000,
  bodiesBytesMax: 64 * 2 ** 20,
}

const UINT32_MAX = 0xffffffff
// A signed ref has four fields and is one itself; a watched volume has two.
const FIELDS_PER_REF = 5
const FIELDS_PER_VOLUME = 3
// What a request holds besides, and room for fields that newer clients send.
const FIELDS_OTHER = 256

/** How many fields a message may have that keeps to the limits. */
export function fieldsMaxOf(limits: MetaLimits, watch: { readonly volumesMax: number }): number {
  return FIELDS_OTHER + Math.max(FIELDS_PER_REF * limits.refsMax, FIELDS_PER_VOLUME * watch.volumesMax)
}

/**
 * Fills in the defaults and checks that the limits make sense together.
 *
 * @throws {@link MetastoreError} `METASTORE_OPTIONS`.
 */
export function resolveLimits(given: Partial<MetastoreLimits> | undefined): MetastoreLimits {
  const limits = { ...DEFAULT_LIMITS, ...given }
  for (const [name, value] of Object.entries(limits)) {
    const least = name === 'inlineBytesMax' ? 0 : 1
    const most = name === 'bodyMsMax' ? TIMER_MS_MAX : UINT32_MAX
    if (!Number.isInteger(value) || value < least || value > most) {
      throw new MetastoreError('METASTORE_OPTIONS', `limit is out of range, ${name}=${value}`)
    }
  }
  if (limits.inlineBytesMax >= limits.requestBytesMax) {
    const values = `inlineBytesMax=${limits.inlineBytesMax} requestBytesMax=${limits.requestBytesMax}`
    throw new MetastoreError('METASTORE_OPTIONS', `inline pages must fit into a request, ${values}`)
  }
  return limits
}
