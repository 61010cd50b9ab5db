import { Crc64State } from '../crc64-state.ts'
import { SplinterError } from '../errors.ts'
import { FILE_BYTES_MIN, FOOTER_BYTES, MAGIC, MAGIC_VERSION_1 } from '../format.ts'
import type { PartitionBytes } from './partition.ts'
import { partitionCount } from './query.ts'
import { validateRoot } from './validate.ts'

/** A file's root partition, and how many values the set has. */
export interface OpenedFile {
  /** Where the root partition ends; it begins at byte 0. */
  readonly end: number
  readonly count: number
}

/**
 * Checks a file: the length, the magic and, unless the bytes are trusted, the checksum and the structure.
 *
 * @throws {@link SplinterError} of kind `corrupt` or `unsupported`.
 */
export function openFile(source: PartitionBytes, isTrusted: boolean): OpenedFile {
  const { bytes } = source
  const { length } = bytes
  // The end decides: a version 2 file may begin with any bytes, those of version 1's magic among them.
  if (length < FILE_BYTES_MIN || uint32(bytes, length - 4) !== MAGIC) throw notAFile(bytes)
  const end = length - FOOTER_BYTES
  return { end, count: isTrusted ? partitionCount(source, 4, end) : checkFile(source.forAMoment(), end) }
}

/** Checks the checksum, then the structure. Gives how many values the set has. */
function checkFile(source: PartitionBytes, end: number): number {
  const checksum = new Crc64State()
  checksum.update(source.view, 0, end)
  if (!checksum.matches(source.view, end)) throw new SplinterError('SPLINTER_CHECKSUM', 'checksum differs', end)
  return validateRoot(source, end)
}

function notAFile(bytes: Uint8Array): SplinterError {
  const { length } = bytes
  if (length >= 4 && uint32(bytes, 0) === MAGIC_VERSION_1) {
    return new SplinterError('SPLINTER_VERSION', 'format version 1 is not supported, only version 2', 0)
  }
  if (length < FILE_BYTES_MIN) return new SplinterError('SPLINTER_LENGTH', `shorter than any set, bytes=${length}`, length)
  return new SplinterError('SPLINTER_MAGIC', 'the last four bytes are not the magic', length - 4)
}

/** The big-endian number of four bytes at `at`. */
function uint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
}
