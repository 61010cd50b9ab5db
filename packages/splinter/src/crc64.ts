import { Crc64State } from './crc64-state.ts'

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
    this.#state.update(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, bytes.byteLength)
    return this
  }

  /** The checksum of everything taken in so far, 0 to 2^64 - 1. More may be added afterwards. */
  digest(): bigint {
    const { low, high } = this.#state
    return (BigInt(~high >>> 0) << 32n) | BigInt(~low >>> 0)
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
