import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf'
import { ProtocolError } from './errors.ts'

/** How a field has to look on the wire. */
interface FieldShape {
  readonly wireType: number
  /** The fields of a message in it. */
  readonly message: DescMessage | undefined
  /** May also come as all its values in one run of bytes. */
  readonly isPackable: boolean
}

// Kinds of fields on the wire.
const VARINT = 0
const FIXED_64 = 1
const LENGTH_DELIMITED = 2
const FIXED_32 = 5
const VARINT_BYTES_MAX = 10
const VARINT_SHIFT_MAX = 28
const shapes = new WeakMap<DescMessage, ReadonlyMap<number, FieldShape>>()

/**
 * Counts the fields of a protobuf message, those of the messages in it included, while its bytes arrive. A decoder makes an
 * object for each of them, many times as large as the two bytes that a field may take; so they are counted before
 * anything is decoded, and what arrives after one too many is not looked at.
 *
 * It reads bytes exactly as the decoder does, or refuses them: what one of them takes for content must never be fields for
 * the other.
 */
export class FieldCounter {
  readonly #fieldsMax: number
  readonly #open: { readonly desc: DescMessage | undefined; readonly end: number }[]
  #count = 0
  // Bytes seen so far, and the first that is not passed over.
  #position = 0
  #skipUntil = 0
  #value = 0
  #valueBytes = 0
  #reading: 'tag' | 'varint' | 'length' = 'tag'
  #field: FieldShape | undefined

  /** @param desc What the bytes claim to be. */
  constructor(desc: DescMessage, fieldsMax: number) {
    this.#fieldsMax = fieldsMax
    this.#open = [{ desc, end: Number.POSITIVE_INFINITY }]
  }

  /**
   * Takes the next bytes.
   *
   * @throws {@link ProtocolError} `MESSAGE_TOO_LARGE` for too many fields, `MESSAGE_INVALID` for what is no such message.
   */
  push(bytes: Uint8Array): void {
    const start = this.#position
    const end = start + bytes.length
    while (true) {
      this.#position = Math.min(Math.max(this.#position, this.#skipUntil), end)
      if (this.#position === end) return
      this.#take(bytes[this.#position++ - start] as number)
    }
  }

  #take(byte: number): void {
    // As the decoder does: the low 32 bits count, in at most ten bytes.
    if (this.#valueBytes * 7 <= VARINT_SHIFT_MAX) this.#value |= (byte & 0x7f) << (this.#valueBytes * 7)
    this.#valueBytes++
    if (byte >= 0x80) {
      if (this.#valueBytes === VARINT_BYTES_MAX) throw invalid('a number of too many bytes')
      return
    }
    const value = this.#value >>> 0
    this.#value = 0
    this.#valueBytes = 0
    if (this.#reading === 'tag') this.#beginField(value)
    else if (this.#reading === 'length') this.#beginBytes(value)
    else this.#endField()
  }

  #beginField(tag: number): void {
    this.#add(1)
    const wireType = tag & 7
    const { desc } = this.#open.at(-1) as { desc: DescMessage | undefined }
    this.#field = desc === undefined ? undefined : shapesOf(desc).get(tag >>> 3)
    this.#checkShape(wireType)
    if (wireType === VARINT) this.#reading = 'varint'
    else if (wireType === LENGTH_DELIMITED) this.#reading = 'length'
    else if (wireType === FIXED_64) this.#skip(8)
    else if (wireType === FIXED_32) this.#skip(4)
    else throw invalid('a field of a kind that this protocol does not have')
  }

  // The decoder goes by the field's own type: another one would make it take content for fields.
  #checkShape(wireType: number): void {
    if (this.#field === undefined || wireType === this.#field.wireType) return
    if (wireType === LENGTH_DELIMITED && this.#field.isPackable) return
    throw invalid('a field of another type')
  }

  #beginBytes(length: number): void {
    const { message, isPackable = false } = this.#field ?? {}
    if (isPackable) this.#add(length)
    if (message === undefined) {
      this.#skip(length)
      return
    }
    this.#open.push({ desc: message, end: this.#position + length })
    this.#endField()
  }

  #skip(length: number): void {
    this.#skipUntil = this.#position + length
    this.#endField()
  }

  #endField(): void {
    this.#reading = 'tag'
    const next = Math.max(this.#position, this.#skipUntil)
    while (next >= (this.#open.at(-1)?.end ?? Number.POSITIVE_INFINITY)) this.#open.pop()
  }

  #add(fields: number): void {
    this.#count += fields
    if (this.#count > this.#fieldsMax) {
      throw new ProtocolError('MESSAGE_TOO_LARGE', `too many fields in a message, most=${this.#fieldsMax}`)
    }
  }
}

function shapesOf(desc: DescMessage): ReadonlyMap<number, FieldShape> {
  const known = shapes.get(desc)
  if (known !== undefined) return known
  const made = new Map(desc.fields.map((field) => [field.number, shapeOf(field)]))
  shapes.set(desc, made)
  return made
}

function shapeOf(field: DescField): FieldShape {
  if (field.message !== undefined) return { wireType: LENGTH_DELIMITED, message: field.message, isPackable: false }
  const wireType = field.scalar === undefined ? VARINT : wireTypeOf(field.scalar)
  const isPackable = field.fieldKind === 'list' && wireType !== LENGTH_DELIMITED
  return { wireType, message: undefined, isPackable }
}

function wireTypeOf(scalar: ScalarType): number {
  switch (scalar) {
    case ScalarType.BYTES:
    case ScalarType.STRING:
      return LENGTH_DELIMITED
    case ScalarType.DOUBLE:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return FIXED_64
    case ScalarType.FLOAT:
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
      return FIXED_32
    default:
      return VARINT
  }
}

function invalid(message: string): ProtocolError {
  return new ProtocolError('MESSAGE_INVALID', message)
}
