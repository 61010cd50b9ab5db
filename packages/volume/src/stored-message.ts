import { type DescMessage, fromBinary, type MessageShape } from '@bufbuild/protobuf'
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import { RecordError } from './errors.ts'

/** A field that holds messages: what is refused before anything is made of it. */
export interface MessageField {
  /** The fewest bytes of a message that is not refused later. */
  readonly bytesMin: number
  /** The most messages that are not refused later, if they are that few. */
  readonly countMax?: number
}

/** Fields that hold messages, by number. */
export interface MessageFields {
  readonly [field: number]: MessageField
}

/**
 * Decodes a message of a stored payload. Unknown fields are skipped.
 *
 * Two bytes can claim a message, which takes some hundred bytes of memory. So messages that cannot be valid are refused from a
 * walk along the fields, before any is made: memory stays in proportion to the payload, whatever it claims (I11).
 *
 * @param payload Borrowed for as long as the message lives: byte fields are views over it.
 * @throws {@link RecordError} `RECORD_CONTENT`.
 */
export function readMessage<Desc extends DescMessage>(
  schema: Desc,
  payload: Uint8Array,
  fields: MessageFields,
): MessageShape<Desc> {
  try {
    checkFields(payload, fields)
    return fromBinary(schema, payload, { readUnknownFields: false })
  } catch (cause) {
    if (cause instanceof RecordError) throw cause
    throw new RecordError('RECORD_CONTENT', `not a ${schema.name} message`, { cause })
  }
}

function checkFields(bytes: Uint8Array, fields: MessageFields): void {
  const counts = new Map<MessageField, number>()
  for (const reader = new BinaryReader(bytes); reader.pos < reader.len; ) {
    const [number, wireType] = reader.tag()
    const field = fields[number]
    if (field === undefined || wireType !== WireType.LengthDelimited) {
      reader.skip(wireType, number)
      continue
    }
    const inner = reader.bytes()
    const count = (counts.get(field) ?? 0) + 1
    counts.set(field, count)
    if (inner.length < field.bytesMin || count > (field.countMax ?? count)) {
      throw new RecordError('RECORD_CONTENT', `field ${number}: too short or too many, bytes=${inner.length} count=${count}`)
    }
  }
}
