/** Bytes that grow at the end, and can be cut back. */
export class Output {
  bytes: Uint8Array<ArrayBuffer>
  view: DataView
  length = 0

  constructor(room: number) {
    this.bytes = new Uint8Array(room)
    this.view = new DataView(this.bytes.buffer)
  }

  /** Makes sure that `count` more bytes fit. */
  reserve(count: number): void {
    const needed = this.length + count
    if (needed <= this.bytes.length) return
    const grown = new Uint8Array(Math.max(needed, 2 * this.bytes.length))
    grown.set(this.bytes.subarray(0, this.length))
    this.bytes = grown
    this.view = new DataView(grown.buffer)
  }

  /** Appends the lowest `width` bytes of a number, big-endian. Their room must have been reserved. */
  put(value: number, width: number): void {
    const { bytes } = this
    let at = this.length
    if (width > 3) bytes[at++] = value >>> 24
    if (width > 2) bytes[at++] = value >>> 16
    if (width > 1) bytes[at++] = value >>> 8
    bytes[at++] = value
    this.length = at
  }

  /** Reserves and appends `count` zero bytes. Gives the offset of the first. */
  putZeros(count: number): number {
    this.reserve(count)
    const start = this.length
    this.length = start + count
    // What was cut back may have left something here.
    this.bytes.fill(0, start, this.length)
    return start
  }
}
