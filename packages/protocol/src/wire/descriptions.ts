import type { MessageInitShape } from '@bufbuild/protobuf'
import { ProtocolError } from '../errors.ts'
import type {
  DescribeMetaResponse,
  DescribeMetaResponseSchema,
  DescribePagesResponse,
  WatchDescription,
} from '../gen/graft/v1/graft_pb.ts'
import type { MetaLimits, PageLimits, WatchLimits } from '../limits.ts'
import { checkProtocolVersion, PROTOCOL_VERSION } from '../version.ts'

/** What a store says about itself. */
export interface Description<Limits> {
  readonly limits: Limits
  /** Names of optional abilities; unknown ones are ignored. */
  readonly features: readonly string[]
}

/** What a meta store says about itself. */
export interface MetaDescription extends Description<MetaLimits> {
  /** `undefined`: it cannot be watched. */
  readonly watch?: WatchLimits | undefined
}

/** The message of a meta store's description. */
export function metaDescriptionToWire(description: MetaDescription): MessageInitShape<typeof DescribeMetaResponseSchema> {
  const { limits, watch } = description
  const { requestBytesMax, inlineBytesMax, refsMax, pagesMax } = limits
  return {
    protocolVersions: [PROTOCOL_VERSION],
    features: [...description.features],
    ...{ requestBytesMax, inlineBytesMax, refsMax, pagesMax },
    ...(watch !== undefined && { watch }),
  }
}

/**
 * A meta store's description, checked before anything is cut to its limits (I11).
 *
 * @throws {@link ProtocolError} `VERSION_UNSUPPORTED`; `MESSAGE_INVALID` for a limit of 0, except that of inline bytes.
 */
export function metaDescriptionFromWire(message: DescribeMetaResponse): MetaDescription {
  checkProtocolVersion(message.protocolVersions)
  const { requestBytesMax, inlineBytesMax, refsMax, pagesMax, features } = message
  checkPositive({ requestBytesMax, refsMax, pagesMax })
  const limits = { requestBytesMax, inlineBytesMax, refsMax, pagesMax }
  return { limits, features, watch: message.watch === undefined ? undefined : watchLimitsFromWire(message.watch) }
}

function watchLimitsFromWire(message: WatchDescription): WatchLimits {
  const { volumesMax, watchesPerPrincipalMax, watchesMax, heartbeatMs } = message
  const limits = { volumesMax, watchesPerPrincipalMax, watchesMax, heartbeatMs }
  checkPositive(limits)
  return limits
}

/**
 * A page store's description, checked before anything is cut to its limits (I11).
 *
 * @throws {@link ProtocolError} `VERSION_UNSUPPORTED`; `MESSAGE_INVALID` for a limit of 0.
 */
export function pageDescriptionFromWire(message: DescribePagesResponse): Description<PageLimits> {
  checkProtocolVersion(message.protocolVersions)
  const { requestBytesMax, writePagesMax, readPagesMax, readBytesMax } = message
  const limits = { requestBytesMax, writePagesMax, readPagesMax, readBytesMax }
  checkPositive(limits)
  return { limits, features: message.features }
}

function checkPositive(limits: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(limits)) {
    if (value < 1) throw new ProtocolError('MESSAGE_INVALID', `a store without room for anything, ${name}=${value}`)
  }
}
