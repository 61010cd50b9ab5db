import { type DescMessage, fromBinary, type MessageShape } from '@bufbuild/protobuf'
import { ENVELOPE_BYTES, lengthInEnvelope } from './envelope.ts'
import { ProtocolError } from './errors.ts'

/**
 * Reads the one message that a call with a stream of answers is made by.
 *
 * @param body In an envelope, as it arrives.
 * @throws {@link ProtocolError} `MESSAGE_TOO_LARGE` as soon as its length is known, `MESSAGE_INVALID`.
 */
export async function readEnveloped<Desc extends DescMessage>(
  desc: Desc,
  body: AsyncIterable<Uint8Array>,
  bytesMax: number,
): Promise<MessageShape<Desc>> {
  const chunks: Uint8Array[] = []
  let byteLength = 0
  let expected: number | undefined
  for await (const chunk of body) {
    chunks.push(chunk)
    byteLength += chunk.length
    if (expected === undefined && byteLength >= ENVELOPE_BYTES) expected = lengthIn(concat(chunks, byteLength), bytesMax)
  }
  if (expected === undefined || byteLength !== ENVELOPE_BYTES + expected) throw invalid('not one whole message in an envelope')
  const content = concat(chunks, byteLength).subarray(ENVELOPE_BYTES)
  try {
    return fromBinary(desc, content, { readUnknownFields: false })
  } catch (cause) {
    throw new ProtocolError('MESSAGE_INVALID', 'the message cannot be read', { cause })
  }
}

function lengthIn(envelope: Uint8Array, bytesMax: number): number {
  if (envelope[0] !== 0) throw invalid('an envelope of a kind that is not taken')
  const length = lengthInEnvelope(envelope)
  if (length > bytesMax) {
    throw new ProtocolError('MESSAGE_TOO_LARGE', `a message is too large, bytes=${length} most=${bytesMax}`)
  }
  return length
}

function concat(chunks: readonly Uint8Array[], byteLength: number): Uint8Array {
  if (chunks.length === 1) return chunks[0] as Uint8Array
  const bytes = new Uint8Array(byteLength)
  let offset = 0
  for (const chunk of chunks) {
    bytes.set(chunk, offset)
    offset += chunk.length
  }
  return bytes
}

function invalid(message: string): ProtocolError {
  return new ProtocolError('MESSAGE_INVALID', message)
}
