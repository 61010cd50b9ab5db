import { countBitsOfBytes } from '../bits.ts'
import { SplinterError, type SplinterErrorCode } from '../errors.ts'
import {
  BITMAP_BYTES,
  CAPACITY,
  KIND_BITMAP,
  KIND_EMPTY,
  KIND_FULL,
  KIND_RUN,
  KIND_TREE,
  KIND_VEC,
  runBytes,
  SEGMENT_LIST_MAX,
  SEGMENTS_MAX,
  treeIndexBytes,
  vecBytes,
} from '../format.ts'
import { countOfRuns, vecAscends } from './order.ts'
import type { PartitionBytes } from './partition.ts'

function fail(code: SplinterErrorCode, message: string, offset: number): never {
  throw new SplinterError(code, `${message}, offset=${offset}`, offset)
}

/**
 * Checks a root partition and everything below it, reading each byte once.
 *
 * @param end Behind its kind byte; it begins at byte 0.
 * @returns How many values it holds.
 * @throws {@link SplinterError} of kind `corrupt` at the first broken rule.
 */
export function validateRoot(source: PartitionBytes, end: number): number {
  if (source.bytes[end - 1] === KIND_EMPTY) {
    checkLength(0, end, 0)
    return 0
  }
  return validatePartition(source, 4, 0, end)
}

/** Every partition has to fill the bytes from `start` to `end` exactly. */
function validatePartition(source: PartitionBytes, width: number, start: number, end: number): number {
  if (end <= start) fail('PARTITION_LENGTH', 'a partition without a kind byte', end)
  const kind = source.bytes[end - 1]!
  switch (kind) {
    case KIND_FULL:
      checkLength(start, end, 0)
      return CAPACITY[width]!
    case KIND_BITMAP:
      return validateBitmap(source, width, start, end)
    case KIND_VEC:
      return validateVec(source, width, start, end)
    case KIND_RUN:
      return validateRuns(source, width, start, end)
    case KIND_TREE:
      if (width > 1) return validateTree(source, width, start, end)
  }
  return fail('PARTITION_KIND', `no partition kind at this place, kind=${kind} width=${width}`, end - 1)
}

function checkLength(start: number, end: number, expected: number): void {
  const actual = end - 1 - start
  if (actual !== expected) fail('PARTITION_LENGTH', `partition has another length, bytes=${actual} expected=${expected}`, start)
}

function validateBitmap({ view }: PartitionBytes, width: number, start: number, end: number): number {
  checkLength(start, end, BITMAP_BYTES[width]!)
  const count = countBitsOfBytes(view, start, end - 1)
  if (count === 0 && width < 4) fail('CHILD_EMPTY', 'a child without values', start)
  return count
}

function validateVec(source: PartitionBytes, width: number, start: number, end: number): number {
  const count = countField(source, width, start, end)
  checkLength(start, end, vecBytes(width, count))
  if (!vecAscends(source, width, start, count)) failAtValue(source, width, start)
  return count
}

function validateRuns(source: PartitionBytes, width: number, start: number, end: number): number {
  const runs = countField(source, width, start, end)
  checkLength(start, end, runBytes(width, runs))
  const count = countOfRuns(source, width, start, runs)
  if (count < 0) failAtRun(source, width, start)
  return count
}

/** Finds the number that is not above the one before it, and fails there. */
function failAtValue(source: PartitionBytes, width: number, start: number): never {
  let at = start + width
  while (source.number(at, width) > source.number(at - width, width)) at += width
  fail('VALUES_ORDER', 'values do not ascend', at)
}

/** Finds the run that breaks a rule, and fails there. */
function failAtRun(source: PartitionBytes, width: number, start: number): never {
  let before = -2
  for (let at = start; ; at += 2 * width) {
    const first = source.number(at, width)
    const last = source.number(at + width, width)
    if (first <= before + 1) fail('RUNS_ORDER', 'runs touch or do not ascend', at)
    if (last < first) fail('RUNS_ORDER', 'a run ends before it starts', at + width)
    before = last
  }
}

function countField(source: PartitionBytes, width: number, start: number, end: number): number {
  if (end - 1 - width < start) fail('PARTITION_LENGTH', 'partition too short for its count', start)
  return source.count(width, end)
}

function validateTree(source: PartitionBytes, width: number, start: number, end: number): number {
  if (end - 2 < start) fail('PARTITION_LENGTH', 'tree too short for its number of children', start)
  const children = source.bytes[end - 2]! + 1
  const offsetsAt = end - 1 - treeIndexBytes(width, children)
  if (offsetsAt < start) fail('PARTITION_LENGTH', 'tree too short for its index', start)
  const cardinalitiesAt = offsetsAt + children * width
  checkSegments(source, children, cardinalitiesAt + children * width)
  let childStart = start
  let count = 0
  for (let i = 0; i < children; i++) {
    const childEnd = offsetsAt - source.number(offsetsAt + i * width, width)
    // It cannot end behind the children, because offsets are not negative.
    if (childEnd <= childStart) fail('CHILD_OFFSET', 'child offset out of order or range', offsetsAt + i * width)
    count += validatePartition(source, width - 1, childStart, childEnd)
    if (source.number(cardinalitiesAt + i * width, width) + 1 !== count) {
      fail('CHILD_CARDINALITY', `cumulative cardinality is wrong, expected=${count}`, cardinalitiesAt + i * width)
    }
    childStart = childEnd
  }
  if (childStart !== offsetsAt) fail('CHILD_OFFSET', 'bytes behind the last child', childStart)
  return count
}

function checkSegments({ bytes, view }: PartitionBytes, children: number, segmentsAt: number): void {
  if (children === SEGMENTS_MAX) return
  if (children <= SEGMENT_LIST_MAX) {
    for (let i = 1; i < children; i++) {
      if (bytes[segmentsAt + i]! <= bytes[segmentsAt + i - 1]!) fail('SEGMENTS_ORDER', 'segments do not ascend', segmentsAt + i)
    }
    return
  }
  const present = countBitsOfBytes(view, segmentsAt, segmentsAt + 32)
  if (present !== children)
    fail('SEGMENTS_ORDER', `segment bitmap has another count, bits=${present} expected=${children}`, segmentsAt)
}
