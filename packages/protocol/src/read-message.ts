import { type DescMethod, fromBinary, type MessageShape } from '@bufbuild/protobuf'
import { concatBytes } from '@graft-ts/volume'
import { inspectorOf } from './bounded-body.ts'
import { ENVELOPE_BYTES, lengthInEnvelope } from './envelope.ts'
import { ProtocolError } from './errors.ts'
import type { RequestBody } from './request-body.ts'

/** What reading a message may cost. */
export interface MessageLimits {
  readonly requestBytesMax: number
  readonly fieldsMax: number
}

/**
 * Reads the one message that a call is made by, in an envelope if its answers are a stream.
 *
 * @throws {@link ProtocolError} `MESSAGE_TOO_LARGE` as soon as its length or so many fields are known, `MESSAGE_INVALID`,
 * `BODY_TIMEOUT`.
 */
export async function readMessage<Method extends DescMethod>(
  method: Method,
  body: RequestBody,
  { requestBytesMax, fieldsMax }: MessageLimits,
): Promise<MessageShape<Method['input']>> {
  const isEnveloped = method.methodKind !== 'unary'
  const headBytes = isEnveloped ? ENVELOPE_BYTES : 0
  const inspect = inspectorOf(method, '', fieldsMax)
  const chunks: Uint8Array[] = []
  let byteLength = 0
  let expected = isEnveloped ? undefined : checkedLength(body.declaredBytes, requestBytesMax)
  for await (const chunk of body) {
    inspect(chunk)
    chunks.push(chunk)
    byteLength += chunk.length
    if (isEnveloped && expected === undefined && byteLength >= ENVELOPE_BYTES) {
      expected = lengthIn(joined(chunks), requestBytesMax)
    }
    checkedLength(byteLength - headBytes, requestBytesMax)
  }
  // Only an envelope has to say how long it is.
  if (isEnveloped ? byteLength - headBytes !== expected : expected !== undefined && byteLength !== expected) {
    throw invalid('not one whole message')
  }
  try {
    const content = joined(chunks).subarray(headBytes)
    return fromBinary(method.input, content, { readUnknownFields: false }) as MessageShape<Method['input']>
  } catch (cause) {
    throw new ProtocolError('MESSAGE_INVALID', 'the message cannot be read', { cause })
  }
}

function lengthIn(envelope: Uint8Array, bytesMax: number): number {
  if (envelope[0] !== 0) throw invalid('an envelope of a kind that is not taken')
  return checkedLength(lengthInEnvelope(envelope), bytesMax)
}

function checkedLength<Length extends number | undefined>(length: Length, bytesMax: number): Length {
  if (length === undefined || length <= bytesMax) return length
  throw new ProtocolError('MESSAGE_TOO_LARGE', `a message is too large, bytes=${length} most=${bytesMax}`)
}

/** The bytes of all pieces; of a single one the piece itself. */
function joined(chunks: readonly Uint8Array[]): Uint8Array {
  return chunks.length === 1 ? (chunks[0] as Uint8Array) : concatBytes(chunks)
}

function invalid(message: string): ProtocolError {
  return new ProtocolError('MESSAGE_INVALID', message)
}
