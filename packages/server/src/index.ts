export { ServerError, type ServerErrorCode, type ServerErrorKind } from './errors.ts'
export type { ServerEvent, ServerLog } from './events.ts'
export type { ServerLimits, ServerOptions, ServerRoles } from './options.ts'
export { type GraftServer, startServer } from './start-server.ts'
