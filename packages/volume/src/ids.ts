import { base58 } from '@scure/base'
import { VolumeError } from './errors.ts'

declare const volumeIdBrand: unique symbol
declare const segmentIdBrand: unique symbol
declare const clientIdBrand: unique symbol
declare const commitIdBrand: unique symbol

/** Names a volume. Text form: 22 base58 characters, sorting by creation time. */
export type VolumeId = string & { readonly [volumeIdBrand]: true }
/** Names a segment. Text form: 22 base58 characters, sorting by creation time. */
export type SegmentId = string & { readonly [segmentIdBrand]: true }
/** Names a client, that is one local store. Text form: 22 base58 characters, sorting by creation time. */
export type ClientId = string & { readonly [clientIdBrand]: true }
/** Names one attempt to commit. Text form: 22 base58 characters, sorting by creation time. */
export type CommitId = string & { readonly [commitIdBrand]: true }
/** Any of the four ids. */
export type AnyId = VolumeId | SegmentId | ClientId | CommitId

/** Where new ids take time and randomness from; passed in so that tests decide both. */
export interface IdSource {
  /** Milliseconds since 1970, a whole number from 0 to 2^48 - 1. */
  nowMs(): number
  /** `length` fresh random bytes that the caller owns. */
  randomBytes(length: number): Uint8Array
}

/** The system clock and the runtime's cryptographic random numbers. */
export const systemIdSource: IdSource = {
  nowMs: () => Date.now(),
  randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
}

/** Bytes of an id in binary form. */
export const ID_BYTES = 16
const TEXT_LENGTH = 22

// The first byte says what the id names. All are 0x80 or more, so the text form always has 22 characters,
// and base58 keeps the order of the bytes: ids sort by creation time in both forms.
const PREFIX = { volume: 0x80, segment: 0xa0, client: 0xc0, commit: 0xe0 } as const
type Noun = keyof typeof PREFIX

/*
 * offset size field
 *      0    1 prefix: 0x80 volume, 0xA0 segment, 0xC0 client, 0xE0 commit
 *      1    6 creation time, milliseconds since 1970, big-endian
 *      7    9 random
 */
function newId(noun: Noun, source: IdSource): string {
  const bytes = new Uint8Array(ID_BYTES)
  const view = new DataView(bytes.buffer)
  const nowMs = source.nowMs()
  bytes[0] = PREFIX[noun]
  view.setUint16(1, Math.floor(nowMs / 2 ** 32), false)
  view.setUint32(3, nowMs % 2 ** 32, false)
  bytes.set(source.randomBytes(9), 7)
  return base58.encode(bytes)
}

/** Makes a volume id from the source's time and 72 random bits. */
export function newVolumeId(source: IdSource): VolumeId {
  return newId('volume', source) as VolumeId
}

/** Makes a segment id from the source's time and 72 random bits. */
export function newSegmentId(source: IdSource): SegmentId {
  return newId('segment', source) as SegmentId
}

/** Makes a client id from the source's time and 72 random bits. */
export function newClientId(source: IdSource): ClientId {
  return newId('client', source) as ClientId
}

/** Makes a commit id from the source's time and 72 random bits. */
export function newCommitId(source: IdSource): CommitId {
  return newId('commit', source) as CommitId
}

function parseId(noun: Noun, text: string): string {
  if (typeof text !== 'string' || text.length !== TEXT_LENGTH) throw invalid(noun, 'it must have 22 base58 characters')
  return fromBytes(noun, decodeText(noun, text))
}

function decodeText(noun: Noun, text: string): Uint8Array {
  try {
    return base58.decode(text)
  } catch (cause) {
    throw invalid(noun, 'it must have 22 base58 characters', { cause })
  }
}

function fromBytes(noun: Noun, bytes: Uint8Array): string {
  if (bytes.length !== ID_BYTES) throw invalid(noun, `it must have 16 bytes, got=${bytes.length}`)
  if (bytes[0] !== PREFIX[noun]) throw invalid(noun, `prefix differs, got=${bytes[0]}`)
  return base58.encode(bytes)
}

function invalid(noun: Noun, why: string, options?: ErrorOptions): VolumeError {
  return new VolumeError('ID_INVALID', `not a ${noun} id: ${why}`, options)
}

/** Checks the text form of a volume id. Throws {@link VolumeError} `ID_INVALID`. */
export function parseVolumeId(text: string): VolumeId {
  return parseId('volume', text) as VolumeId
}

/** Checks the text form of a segment id. Throws {@link VolumeError} `ID_INVALID`. */
export function parseSegmentId(text: string): SegmentId {
  return parseId('segment', text) as SegmentId
}

/** Checks the text form of a client id. Throws {@link VolumeError} `ID_INVALID`. */
export function parseClientId(text: string): ClientId {
  return parseId('client', text) as ClientId
}

/** Checks the text form of a commit id. Throws {@link VolumeError} `ID_INVALID`. */
export function parseCommitId(text: string): CommitId {
  return parseId('commit', text) as CommitId
}

/** Reads the 16-byte form of a volume id. Throws {@link VolumeError} `ID_INVALID`. */
export function volumeIdFromBytes(bytes: Uint8Array): VolumeId {
  return fromBytes('volume', bytes) as VolumeId
}

/** Reads the 16-byte form of a segment id. Throws {@link VolumeError} `ID_INVALID`. */
export function segmentIdFromBytes(bytes: Uint8Array): SegmentId {
  return fromBytes('segment', bytes) as SegmentId
}

/** Reads the 16-byte form of a client id. Throws {@link VolumeError} `ID_INVALID`. */
export function clientIdFromBytes(bytes: Uint8Array): ClientId {
  return fromBytes('client', bytes) as ClientId
}

/** Reads the 16-byte form of a commit id. Throws {@link VolumeError} `ID_INVALID`. */
export function commitIdFromBytes(bytes: Uint8Array): CommitId {
  return fromBytes('commit', bytes) as CommitId
}

/** The 16-byte form of an id, as fresh bytes that the caller owns. */
export function idToBytes(id: AnyId): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(base58.decode(id))
}

/** When an id was made, in milliseconds since 1970 by its maker's clock: for people and logs, never for decisions. */
export function idTimestampMs(id: AnyId): number {
  const bytes = idToBytes(id)
  const view = new DataView(bytes.buffer)
  return view.getUint16(1, false) * 2 ** 32 + view.getUint32(3, false)
}
