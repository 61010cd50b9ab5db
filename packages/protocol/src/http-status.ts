import type { ErrorKind } from '@graft-ts/volume'
import { RemoteError } from './errors.ts'
import { secondsToMs } from './retry-after.ts'

/**
 * Statuses that say for certain that nothing was done, and that Connect has no code for: it would make of them that nobody
 * knows, and a push that can never succeed would be sent again for ever.
 */
const REFUSALS: Readonly<Record<number, readonly [ErrorKind, string, string]>> = {
  405: ['unsupported', 'METHOD_UNKNOWN', 'there is no such method at this address'],
  406: ['unsupported', 'METHOD_UNKNOWN', 'there is no store at this address'],
  407: ['denied', 'DENIED', 'a proxy asks who is calling'],
  413: ['exhausted', 'MESSAGE_TOO_LARGE', 'the request is larger than the server takes'],
  414: ['exhausted', 'HEADERS_TOO_LARGE', 'the address of the request is longer than the server takes'],
  415: ['unsupported', 'METHOD_UNKNOWN', 'there is no store at this address'],
  426: ['unsupported', 'METHOD_UNKNOWN', 'the server wants another protocol'],
  429: ['unavailable', 'TOO_MANY_REQUESTS', 'too many requests for whoever stands before the store'],
  431: ['exhausted', 'HEADERS_TOO_LARGE', 'the headers are larger than the server takes, probably the token'],
  451: ['denied', 'DENIED', 'refused for legal reasons'],
}

/**
 * The error of a response that no store gave, but somebody who stands before it.
 *
 * @returns `undefined` where Connect knows better: it is an answer of a store, or its status leaves open what was done.
 */
export function refusalOf({ status, headers }: Response): RemoteError | undefined {
  // Stores answer errors as JSON, with some of these statuses too.
  if (headers.get('content-type')?.startsWith('application/json') === true && status !== 413) return undefined
  const refusal = REFUSALS[status]
  if (refusal === undefined) return undefined
  const [kind, code, message] = refusal
  return new RemoteError(kind, code, `${message}, status=${status}`, { retryAfterMs: secondsToMs(headers.get('retry-after')) })
}
