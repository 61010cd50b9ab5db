import type { DescMethod } from '@bufbuild/protobuf'
import { ENVELOPE_BYTES, lengthInEnvelope } from './envelope.ts'
import { ProtocolError, toConnectError } from './errors.ts'
import { FieldCounter } from './field-counter.ts'

/**
 * Bytes of a request in JSON, which is there for people with `curl`: its fields cannot be counted without reading it, so it
 * is kept small enough for their number not to matter.
 */
const JSON_BYTES_MAX = 64 * 1024

/** Looks at the bytes of a body as they arrive. Throws {@link ProtocolError} to refuse it. */
export type Inspect = (chunk: Uint8Array) => void

/**
 * The body of a request, which ends in an error as soon as it is more than decoding it may cost.
 *
 * @param contentType Which of the forms that the router takes it has; others it does not read.
 */
export function boundedBody(
  body: AsyncIterable<Uint8Array>,
  method: DescMethod,
  contentType: string,
  fieldsMax: number,
): AsyncIterable<Uint8Array> {
  return inspected(body, inspectorOf(method, contentType, fieldsMax))
}

async function* inspected(body: AsyncIterable<Uint8Array>, inspect: Inspect): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const chunk of body) {
      inspect(chunk)
      yield chunk
    }
  } catch (error) {
    throw toConnectError(error)
  }
}

/** Looks at the bytes of a message in one of the forms that the router takes. */
export function inspectorOf({ input, methodKind }: DescMethod, contentType: string, fieldsMax: number): Inspect {
  if (contentType.toLowerCase().includes('json')) return byteCounter(JSON_BYTES_MAX)
  const counter = new FieldCounter(input, fieldsMax)
  const count: Inspect = (chunk) => counter.push(chunk)
  return methodKind === 'unary' ? count : insideEnvelope(count)
}

function byteCounter(bytesMax: number): Inspect {
  let bytes = 0
  return (chunk) => {
    bytes += chunk.length
    if (bytes > bytesMax) throw new ProtocolError('MESSAGE_TOO_LARGE', `a message in JSON is too large, most=${bytesMax}`)
  }
}

/** A call with a stream of answers is made by one message in an envelope; each further one would be decoded for nothing. */
function insideEnvelope(inspect: Inspect): Inspect {
  const head = new Uint8Array(ENVELOPE_BYTES)
  let position = 0
  return (chunk) => {
    let offset = 0
    for (; position < ENVELOPE_BYTES && offset < chunk.length; offset++) head[position++] = chunk[offset] as number
    const content = chunk.subarray(offset)
    position += content.length
    if (position > ENVELOPE_BYTES + lengthInEnvelope(head)) {
      throw new ProtocolError('MESSAGE_INVALID', 'a call of more than one message')
    }
    inspect(content)
  }
}
