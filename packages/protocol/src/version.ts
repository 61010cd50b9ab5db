import { ProtocolError } from './errors.ts'

/** Version of the wire protocol that this package speaks. */
export const PROTOCOL_VERSION = 1

/** Checks a server's `describe` answer. Throws {@link ProtocolError} `VERSION_UNSUPPORTED`. */
export function checkProtocolVersion(versions: readonly number[]): void {
  if (!versions.includes(PROTOCOL_VERSION)) {
    throw new ProtocolError(
      'VERSION_UNSUPPORTED',
      `the server does not speak version ${PROTOCOL_VERSION}, versions=${versions.join(',')}`,
    )
  }
}
