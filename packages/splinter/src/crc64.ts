import { Crc64State } from './crc64-state.ts'

// So few bytes are copied faster than a `DataView` is made of them.
const COPY_BYTES_MAX = 1024
const copied = new Uint8Array(COPY_BYTES_MAX)
const copiedView = new DataView(copied.buffer)

// Where a checksum is put together: one operation on a BigInt instead of five.
const sum = new DataView(new ArrayBuffer(8))

/**
 * A streaming CRC-64/NVME, the checksum of Splinter files (and of S3's `CRC64NVME`).
 *
 * @example
 * ```ts
 * const sum = new Crc64Nvme().update(head).update(body).digest()
 * ```
 */
export class Crc64Nvme {
  readonly #state = new Crc64State()

  /**
   * Takes in more bytes.
   *
   * @param bytes Borrowed for the call. How the input is cut into pieces makes no difference.
   * @returns This object.
   */
  update(bytes: Uint8Array): this {
    const { length } = bytes
    if (length > COPY_BYTES_MAX) this.#state.update(new DataView(bytes.buffer, bytes.byteOffset, length), 0, length)
    else {
      copied.set(bytes)
      this.#state.update(copiedView, 0, length)
    }
    return this
  }

  /** The checksum of everything taken in so far, 0 to 2^64 - 1. More may be added afterwards. */
  digest(): bigint {
    this.#state.put(sum, 0)
    return sum.getBigUint64(0, true)
  }
}

/**
 * The CRC-64/NVME of some bytes: 0 for none, 0xAE8B14860A799888 for "123456789".
 *
 * @param bytes Borrowed for the call.
 */
export function crc64Nvme(bytes: Uint8Array): bigint {
  return new Crc64Nvme().update(bytes).digest()
}
