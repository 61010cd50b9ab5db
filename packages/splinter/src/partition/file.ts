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
  const { view } = source
  const length = view.byteLength
  // The end decides: a version 2 file may begin with any bytes, those of version 1's magic among them.
  if (length < FILE_BYTES_MIN || view.getUint32(length - 4, false) !== MAGIC) throw notAFile(view)
  const end = length - FOOTER_BYTES
  if (isTrusted) return { end, count: partitionCount(source, 4, end) }
  const checksum = new Crc64State()
  checksum.update(view, 0, end)
  if (!checksum.matches(view, end)) throw new SplinterError('SPLINTER_CHECKSUM', 'checksum differs', end)
  return { end, count: validateRoot(source, end) }
}

function notAFile(view: DataView): SplinterError {
  const length = view.byteLength
  if (length >= 4 && view.getUint32(0, false) === MAGIC_VERSION_1) {
    return new SplinterError('SPLINTER_VERSION', 'format version 1 is not supported, only version 2', 0)
  }
  if (length < FILE_BYTES_MIN) return new SplinterError('SPLINTER_LENGTH', `shorter than any set, bytes=${length}`, length)
  return new SplinterError('SPLINTER_MAGIC', 'the last four bytes are not the magic', length - 4)
}
