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

  /** Appends a byte. Its room must have been reserved. */
  putByte(value: number): void {
    this.bytes[this.length++] = value
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

  /** The same for many numbers, the elements `start` to `end - 1`. The loops differ in how they write a number only. */
  putAll(values: Uint32Array, start: number, end: number, width: number): void {
    const { bytes, view } = this
    let at = this.length
    switch (width) {
      case 1:
        for (let i = start; i < end; i++) bytes[at++] = values[i]!
        break
      case 2:
        for (let i = start; i < end; i++, at += 2) view.setUint16(at, values[i]!, false)
        break
      case 3:
        for (let i = start; i < end; i++, at += 3) {
          const value = values[i]!
          bytes[at] = value >>> 16
          bytes[at + 1] = value >>> 8
          bytes[at + 2] = value
        }
        break
      default:
        for (let i = start; i < end; i++, at += 4) view.setUint32(at, values[i]!, false)
    }
    this.length = at
  }

  /** Reserves and appends `count` zero bytes. Gives the offset of the first. */
  putZeros(count: number): number {
    this.reserve(count)
    const start = this.length
    this.length = start + count
    // Something that was cut off may be left there.
    this.bytes.fill(0, start, this.length)
    return start
  }
}
