import type { MessageInitShape } from '@bufbuild/protobuf'
import { ProtocolError } from '../errors.ts'
import type { DescribeMetaResponse, DescribeMetaResponseSchema, DescribePagesResponse } from '../gen/graft/v1/graft_pb.ts'
import type { MetaLimits, PageLimits } from '../limits.ts'
import { checkProtocolVersion, PROTOCOL_VERSION } from '../version.ts'

/** What a store says about itself. */
export interface Description<Limits> {
  readonly limits: Limits
  /** Names of optional abilities; unknown ones are ignored. */
  readonly features: readonly string[]
}

/** The message of a meta store's description. */
export function metaDescriptionToWire(description: Description<MetaLimits>): MessageInitShape<typeof DescribeMetaResponseSchema> {
  const { requestBytesMax, inlineBytesMax, refsMax, pagesMax } = description.limits
  const features = [...description.features]
  return { protocolVersions: [PROTOCOL_VERSION], features, requestBytesMax, inlineBytesMax, refsMax, pagesMax }
}

/**
 * A meta store's description, checked before anything is cut to its limits (I11).
 *
 * @throws {@link ProtocolError} `VERSION_UNSUPPORTED`; `MESSAGE_INVALID` for a limit of 0, except that of inline bytes.
 */
export function metaDescriptionFromWire(message: DescribeMetaResponse): Description<MetaLimits> {
  checkProtocolVersion(message.protocolVersions)
  const { requestBytesMax, inlineBytesMax, refsMax, pagesMax } = message
  checkPositive({ requestBytesMax, refsMax, pagesMax })
  return { limits: { requestBytesMax, inlineBytesMax, refsMax, pagesMax }, features: message.features }
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
