// The envelope of messages in a Connect stream: a byte of flags, the length of the message as four bytes, big-endian.

/** Bytes before the message. */
export const ENVELOPE_BYTES = 5
const LENGTH_OFFSET = 1

/** The length of the message in an envelope of which the head is there. */
export function lengthInEnvelope(envelope: Uint8Array): number {
  return new DataView(envelope.buffer, envelope.byteOffset).getUint32(LENGTH_OFFSET)
}

/** Puts the head of an envelope before the pieces of a message. */
export function inEnvelope(flags: number, pieces: readonly Uint8Array[]): Uint8Array[] {
  const [first = new Uint8Array(0), ...others] = pieces
  const head = new Uint8Array(ENVELOPE_BYTES + first.length)
  head[0] = flags
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
  new DataView(head.buffer).setUint32(LENGTH_OFFSET, length)
  head.set(first, ENVELOPE_BYTES)
  return [head, ...others]
}
