import { describe, expect, test } from 'vitest'
import {
  fastKind,
  KIND_BITMAP,
  KIND_FULL,
  KIND_RUN,
  KIND_TREE,
  KIND_VEC,
  lowestKind,
  optimizedKind,
  segmentStoreBytes,
  treeIndexBytes,
} from '../src/format.ts'

describe('sizes', () => {
  test.each([
    [1, 1],
    [31, 31],
    [32, 32],
    [33, 32],
    [255, 32],
    [256, 0],
  ])('%i segments take %i bytes', (segments, bytes) => {
    expect(segmentStoreBytes(segments)).toBe(bytes)
    expect(treeIndexBytes(3, segments)).toBe(6 * segments + bytes + 1)
  })
})

describe('ties: the first of tree, vec, bitmap and run wins', () => {
  test.each([
    [30, KIND_VEC],
    [31, KIND_VEC],
    [32, KIND_BITMAP],
    [255, KIND_BITMAP],
    [256, KIND_FULL],
  ])('width 1: %i scattered values', (count, kind) => {
    expect(lowestKind(count, 0)).toBe(kind)
    expect(lowestKind(count, count === 256 ? 1 : 128)).toBe(kind)
  })

  test.each([
    ['a run of three bytes loses to a vec of two values', 2, 1, KIND_VEC],
    ['and wins against one of three', 3, 1, KIND_RUN],
    ['15 runs win against the bitmap', 100, 15, KIND_RUN],
    ['16 runs do not', 100, 16, KIND_BITMAP],
  ])('width 1: %s', (_what, count, runs, kind) => {
    expect(lowestKind(count, runs)).toBe(kind)
  })

  test('width 2: vec and bitmap are equal at 4,095 values', () => {
    // The fast choice never sees this tie: it takes a tree to be smaller than both.
    expect([4094, 4095, 4096].map((count) => fastKind(2, count, 256))).toEqual([KIND_TREE, KIND_TREE, KIND_TREE])
    expect([4094, 4095, 4096].map((count) => optimizedKind(2, count, 3000, Infinity))).toEqual([KIND_VEC, KIND_VEC, KIND_BITMAP])
  })

  test('width 2: the estimate of a tree against a vec', () => {
    // One segment: 4 + 1 + 1 for the index, 1 for the kind, count + 1 for the child; the vec takes 2 * (count + 1).
    expect([5, 6, 7].map((count) => fastKind(2, count, 1))).toEqual([KIND_VEC, KIND_TREE, KIND_TREE])
  })

  test('a tree of exactly the size of the others wins, a larger one does not', () => {
    expect([20, 21].map((treeBytes) => optimizedKind(2, 9, 9, treeBytes))).toEqual([KIND_TREE, KIND_VEC])
    expect(optimizedKind(2, 9, 4, 20)).toBe(KIND_RUN)
    expect(optimizedKind(2, 9, 5, Infinity)).toBe(KIND_VEC)
    expect(optimizedKind(4, 2 ** 32 - 2, 1, Infinity)).toBe(KIND_RUN)
  })
})
