import type { ErrorKind } from '@graft-ts/volume'

/** Why a server does not start. */
export type ServerErrorCode =
  | 'PORT_IN_USE'
  | 'PORT_DENIED'
  | 'HOST_UNKNOWN'
  | 'HOST_NOT_LOOPBACK'
  | 'LISTEN_FAILED'
  | 'REF_KEYS_NEEDED'
  | 'SERVER_OPTIONS'

/** The kinds that this package throws; they mean the same in every package. */
export type ServerErrorKind = Extract<ErrorKind, 'invalid' | 'denied' | 'unavailable'>

const KIND_OF: Readonly<Record<ServerErrorCode, ServerErrorKind>> = {
  PORT_IN_USE: 'unavailable',
  PORT_DENIED: 'denied',
  HOST_UNKNOWN: 'invalid',
  HOST_NOT_LOOPBACK: 'invalid',
  LISTEN_FAILED: 'unavailable',
  REF_KEYS_NEEDED: 'invalid',
  SERVER_OPTIONS: 'invalid',
}

/** A server that cannot start as it was asked to. The code decides the kind. */
export class ServerError extends Error {
  override readonly name = 'ServerError'
  readonly kind: ServerErrorKind
  readonly code: ServerErrorCode

  constructor(code: ServerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.kind = KIND_OF[code]
  }
}
