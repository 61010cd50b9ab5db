import { create, type DescField, type DescMessage, type MessageInitShape, ScalarType, toBinary } from '@bufbuild/protobuf'
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { inEnvelope } from './envelope.ts'

// Fields of at least so many bytes go around the encoder, which would copy them three times.
const LARGE_BYTES = 16 * 1024
const NOTHING = new Uint8Array(0)

/**
 * Writes down one message of a stream. Its large fields come behind the others, where a decoder takes them as well as at any
 * other place, and are the bytes that the message holds, not copies.
 */
export function encodeAnswer<Desc extends DescMessage>(desc: Desc, answer: MessageInitShape<Desc>): Uint8Array[] {
  const values = answer as Record<string, unknown>
  const large = desc.fields.filter((field) => isLarge(field, values[field.localName]))
  const small = { ...values, ...Object.fromEntries(large.map((field) => [field.localName, NOTHING])) }
  const pieces: Uint8Array[] = [toBinary(desc, create(desc, small as MessageInitShape<Desc>))]
  for (const field of large) {
    const bytes = values[field.localName] as Uint8Array
    pieces.push(new BinaryWriter().tag(field.number, WireType.LengthDelimited).uint32(bytes.length).finish(), bytes)
  }
  return inEnvelope(0, pieces)
}

function isLarge(field: DescField, value: unknown): boolean {
  const isBytes = field.fieldKind === 'scalar' && field.scalar === ScalarType.BYTES && field.oneof === undefined
  return isBytes && value instanceof Uint8Array && value.length >= LARGE_BYTES
}
