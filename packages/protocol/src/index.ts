export {
  type Action,
  type AuthorizationRequest,
  type Authorize,
  accessDenied,
  allowEverybody,
  type Principal,
  requireAuthorize,
} from './authorization.ts'
export { type CorsOptions, withCors } from './cors.ts'
export { fromConnectError, ProtocolError, type ProtocolErrorCode, RemoteError, toConnectError } from './errors.ts'
export * from './gen/graft/v1/graft_pb.ts'
export { type AdmitCall, type ArrivingCall, type FetchHandlerOptions, toFetchHandler } from './handler.ts'
export { META_LIMITS_DEFAULT, type MetaLimits, type PageLimits, type WatchLimits } from './limits.ts'
export {
  ageOnlyRefSigner,
  type HmacRefSignerOptions,
  hmacRefSigner,
  type RefKey,
  type RefScope,
  type RefSigner,
} from './ref-signature.ts'
export {
  type Carrier,
  carriedTransport,
  carrierTo,
  type GraftTransport,
  type HttpTransportOptions,
  httpTransport,
  inProcessTransport,
} from './transport.ts'
export { checkProtocolVersion, PROTOCOL_VERSION } from './version.ts'
export {
  type CommitAnswer,
  type CommitProposal,
  checkData,
  commitAnswerFromWire,
  commitAnswerToWire,
  commitNamesFromWire,
  commitProposalFromWire,
  commitProposalToWire,
} from './wire/commits.ts'
export {
  type Description,
  type MetaDescription,
  metaDescriptionFromWire,
  metaDescriptionToWire,
  pageDescriptionFromWire,
} from './wire/descriptions.ts'
export { type CommitSummary, historyEntryFromWire, historyEntryToWire } from './wire/history.ts'
export { pageSetFromWire } from './wire/page-sets.ts'
export { type ReadPage, readPagesFromWire } from './wire/pages.ts'
export {
  changesFromWire,
  changesToWire,
  checked,
  type PullAnswer,
  pullAnswerFromWire,
  pullAnswerToWire,
  snapshotFromWire,
  snapshotToWire,
} from './wire/snapshots.ts'
export {
  type VolumeAdvance,
  watchEventFromWire,
  watchEventToWire,
  watchRequestFromWire,
  watchRequestToWire,
} from './wire/watches.ts'
