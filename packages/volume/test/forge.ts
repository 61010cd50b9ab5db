import { Crc64Nvme } from '@graft-ts/splinter/crc64'
import { concatBytes } from '../src/index.ts'

/*
 * Stored bytes put together by hand, from docs/format alone: what an attacker who can compute checksums could store, and
 * what a writer of another version could.
 */

/** A field of a protobuf message: a varint, eight bytes, or bytes (also those of a message or of a packed list). */
export interface WireField {
  readonly number: number
  readonly value: bigint | { readonly fixed64: bigint } | Uint8Array
}

/** The fields of a message, in order. Throws where it is none. */
export function fieldsOf(payload: Uint8Array): WireField[] {
  const fields: WireField[] = []
  let at = 0
  function varint(): bigint {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      if (at >= payload.length) throw new Error('the message ends within a number')
      const byte = payload[at++] as number
      value |= BigInt(byte & 127) << shift
      if (byte < 128) return value
    }
  }
  while (at < payload.length) {
    const tag = Number(varint())
    const number = tag >> 3
    if ((tag & 7) === 0) fields.push({ number, value: varint() })
    else if ((tag & 7) === 1) {
      fields.push({ number, value: { fixed64: new DataView(payload.buffer, payload.byteOffset).getBigUint64(at, true) } })
      at += 8
    } else {
      const length = Number(varint())
      if ((tag & 7) !== 2 || length > payload.length - at) throw new Error('not a message')
      fields.push({ number, value: payload.slice(at, at + length) })
      at += length
    }
  }
  return fields
}

/** A varint. */
export function varint(value: bigint | number): number[] {
  const bytes: number[] = []
  let rest = BigInt(value)
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128)
  bytes.push(Number(rest))
  return bytes
}

/** The bytes of fields. */
export function payloadOf(fields: readonly WireField[]): Uint8Array<ArrayBuffer> {
  return concatBytes(fields.map(fieldBytes))
}

function fieldBytes({ number, value }: WireField): Uint8Array {
  if (typeof value === 'bigint') return Uint8Array.from([...varint(number << 3), ...varint(value)])
  if (value instanceof Uint8Array)
    return concatBytes([Uint8Array.from([...varint((number << 3) | 2), ...varint(value.length)]), value])
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, value.fixed64, true)
  return Uint8Array.from([...varint((number << 3) | 1), ...bytes])
}

/** A change of a message's bytes. */
export type Edit = (payload: Uint8Array) => Uint8Array

/** Replaces a field by other values of it, or takes it out. */
export function withField(number: number, ...values: WireField['value'][]): Edit {
  return (payload) => {
    const fields = fieldsOf(payload)
    const at = fields.findIndex((field) => field.number >= number)
    const before = fields.filter((field) => field.number < number)
    const after = at < 0 ? [] : fields.filter((field) => field.number > number)
    return payloadOf([...before, ...values.map((value) => ({ number, value })), ...after])
  }
}

/** Changes a message in a field of another, the first unless another is named. */
export function within(number: number, edit: Edit, which = 0): Edit {
  return (payload) => {
    const fields = fieldsOf(payload)
    const target = fields.filter((field) => field.number === number)[which] as WireField
    const change = (field: WireField): WireField => ({ number, value: edit(field.value as Uint8Array) })
    return payloadOf(fields.map((field) => (field === target ? change(field) : field)))
  }
}

/** Puts bytes behind a message. */
export function append(...bytes: readonly number[]): Edit {
  return (payload) => concatBytes([payload, Uint8Array.from(bytes)])
}

/** What a sealed record says of itself; what is left out is right. */
export interface SealOptions {
  readonly kind: number
  readonly version?: number
  readonly payloadBytes?: number
}

/** A sealed record with a checksum that fits. */
export function seal(
  payload: Uint8Array,
  { kind, version = 1, payloadBytes = payload.length }: SealOptions,
): Uint8Array<ArrayBuffer> {
  const bytes = concatBytes([new Uint8Array(24), payload])
  bytes.set([0x47, 0x54, 0x53, 0x52, kind, version])
  const view = new DataView(bytes.buffer)
  view.setUint32(8, payloadBytes, true)
  view.setBigUint64(16, checksumWithout(bytes, 16), true)
  return bytes
}

/** The payload of a sealed record. */
export function unseal(record: Uint8Array): Uint8Array {
  return record.subarray(24, 24 + new DataView(record.buffer, record.byteOffset).getUint32(8, true))
}

/** The checksum of bytes, less the eight bytes in which it stands. */
export function checksumWithout(bytes: Uint8Array, offset: number): bigint {
  return new Crc64Nvme()
    .update(bytes.subarray(0, offset))
    .update(bytes.subarray(offset + 8))
    .digest()
}

/** What a segment's footer says; what is left out is right. */
export interface FooterOptions {
  readonly indexBytes?: number
  readonly total?: number
  readonly version?: number
  readonly magic?: number
}

/** A body with a segment's footer behind it, whose checksum fits. */
export function footed(body: Uint8Array, { indexBytes = 0, total, version = 1, magic = 0x53535447 }: FooterOptions) {
  const footer = new Uint8Array(24)
  const view = new DataView(footer.buffer)
  view.setUint32(0, indexBytes, true)
  view.setUint32(4, total ?? body.length + footer.length, true)
  view.setUint32(16, version, true)
  view.setUint32(20, magic, true)
  view.setBigUint64(8, checksumWithout(footer, 8), true)
  return concatBytes([body, footer])
}

/** Changes bytes and leaves their checksums alone. */
export function patched(bytes: Uint8Array, offset: number, ...values: readonly number[]): Uint8Array<ArrayBuffer> {
  const copy = Uint8Array.from(bytes)
  copy.set(values, offset)
  return copy
}
