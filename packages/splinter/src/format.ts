/*
 * The layout of format version 2 in numbers; docs/format/splinter.md describes it in words. A file is read from its end:
 *
 * offset from the end   size  field
 *                   4      4  magic 59 11 A7 E2
 *                  12      8  CRC-64/NVME of the root partition, little-endian
 *                  13      1  kind of the root partition, the last byte of every partition
 *                  ..     ..  the rest of the root partition, from byte 0 of the file on
 *
 * A partition belongs to a level. Its *width* is the number of bytes that a value has on that level: 4 at the root, one less
 * for each tree on the way down. Numbers inside partitions are big-endian and as wide as the level.
 */

/** Kind bytes. */
export const KIND_EMPTY = 0
export const KIND_FULL = 1
export const KIND_BITMAP = 2
export const KIND_VEC = 3
export const KIND_RUN = 4
export const KIND_TREE = 5

/** Checksum and magic. */
export const FOOTER_BYTES = 12
/** A footer and the kind byte of an empty root. */
export const FILE_BYTES_MIN = 13
/** The last four bytes, read big-endian. */
export const MAGIC = 0x5911a7e2
/** The first four bytes of a version 1 file, read big-endian. */
export const MAGIC_VERSION_1 = 0xdaae12df

/** Largest member of a set. */
export const VALUE_MAX = 0xffffffff
/** Largest segment list; from one more on, and below 256, the segments are a bitmap. */
export const SEGMENT_LIST_MAX = 32
/** Segments of a complete tree, which stores no segments at all. */
export const SEGMENTS_MAX = 256

/** How many values a level has, by width. */
export const CAPACITY: readonly number[] = [1, 2 ** 8, 2 ** 16, 2 ** 24, 2 ** 32]
/** Bytes of a bitmap, by width, without the kind byte. */
export const BITMAP_BYTES: readonly number[] = [0, 2 ** 5, 2 ** 13, 2 ** 21, 2 ** 29]

/** Bytes of a tree's segment store. */
export function segmentStoreBytes(segments: number): number {
  if (segments === SEGMENTS_MAX) return 0
  return segments <= SEGMENT_LIST_MAX ? segments : 32
}

/** Bytes of a tree behind its children, without the kind byte: offsets, cardinalities, segments, their number. */
export function treeIndexBytes(width: number, segments: number): number {
  return 2 * segments * width + segmentStoreBytes(segments) + 1
}

/** What a tree is taken to cost before it is built, without the kind byte. */
function treeBytesEstimate(width: number, count: number, segments: number): number {
  const childBytes = Math.min((Math.floor(count / segments) + 1) * (width - 1), BITMAP_BYTES[width - 1]!)
  return treeIndexBytes(width, segments) + segments + segments * childBytes
}

/** Bytes of a vec, without the kind byte. */
export function vecBytes(width: number, count: number): number {
  return (count + 1) * width
}

/** Bytes of a run partition, without the kind byte. */
export function runBytes(width: number, runs: number): number {
  return 2 * width * runs + width
}

/**
 * The *fast choice*: the kind that a partition of width 2 or more gets when it is made from its values.
 *
 * @param count Values in it, at least one.
 * @param segments Different top bytes among them.
 */
export function fastKind(width: number, count: number, segments: number): number {
  if (count === CAPACITY[width]) return KIND_FULL
  const vec = vecBytes(width, count)
  const bitmap = BITMAP_BYTES[width]!
  const smaller = Math.min(vec, bitmap)
  if (treeBytesEstimate(width, count, segments) <= smaller) return KIND_TREE
  return vec <= bitmap ? KIND_VEC : KIND_BITMAP
}

/**
 * The kind that *optimize* gives to a partition of width 2 or more that is not complete.
 *
 * @param runs Maximal runs of consecutive values in it.
 * @param treeBytes What it really takes as a tree without the kind byte; `Infinity` if the fast choice was no tree,
 *   which then cannot win here either.
 */
export function optimizedKind(width: number, count: number, runs: number, treeBytes: number): number {
  const vec = vecBytes(width, count)
  const bitmap = BITMAP_BYTES[width]!
  const run = runBytes(width, runs)
  const smaller = Math.min(vec, bitmap, run)
  if (treeBytes <= smaller) return KIND_TREE
  if (vec === smaller) return KIND_VEC
  return bitmap === smaller ? KIND_BITMAP : KIND_RUN
}

/**
 * The kind of a partition of width 1: both choices in one, because a partition without children needs no second look.
 *
 * @param runs 0: the fast choice, which knows no runs.
 */
export function lowestKind(count: number, runs: number): number {
  if (count === CAPACITY[1]) return KIND_FULL
  const bitmap = BITMAP_BYTES[1]!
  const vec = vecBytes(1, count)
  const isRunSmallest = runs > 0 && runBytes(1, runs) < Math.min(vec, bitmap)
  if (isRunSmallest) return KIND_RUN
  return vec <= bitmap ? KIND_VEC : KIND_BITMAP
}

/**
 * Bytes of a partition of width 1 in its smallest form, with the kind byte.
 *
 * @param runs 0: the fast choice, which knows no runs.
 */
export function lowestBytes(count: number, runs: number): number {
  if (count === CAPACITY[1]) return 1
  const smaller = Math.min(vecBytes(1, count), BITMAP_BYTES[1]!)
  return 1 + (runs > 0 ? Math.min(smaller, runBytes(1, runs)) : smaller)
}
