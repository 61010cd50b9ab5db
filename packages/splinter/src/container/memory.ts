/*
 * Engines keep only the smallest typed arrays on their own heap. Each larger one is a separate allocation of the operating
 * system's kind, which costs ten times the work that most operations do on a small set. So arrays of some size are cut from
 * slabs, as Node cuts small buffers from its pool. A set that lives on keeps its slab alive, 8 KiB at most.
 */
const SLAB_LENGTH = 2048
/** Up to here arrays are cheap by themselves: 64 bytes. */
const SMALL_MAX = 16
const FROM_SLAB_MAX = 512

let slab = new ArrayBuffer(0)
let used = SLAB_LENGTH

/** A fresh array. What is in it is undefined: every element that counts has to be written. */
export function allocate(length: number): Uint32Array {
  if (length <= SMALL_MAX || length > FROM_SLAB_MAX) return new Uint32Array(length)
  if (used + length > SLAB_LENGTH) {
    slab = new ArrayBuffer(4 * SLAB_LENGTH)
    used = 0
  }
  const array = new Uint32Array(slab, 4 * used, length)
  used += length
  return array
}

/**
 * Gives back the end of an array that turned out too long.
 *
 * @param array The last one that was allocated, or any other.
 * @param count The elements that count.
 * @returns The same elements in an array of at most twice the length; the original must not be used any more.
 */
export function shrink(array: Uint32Array, count: number): Uint32Array {
  if (count === array.length) return array
  if (array.length <= SMALL_MAX || array.length > FROM_SLAB_MAX) {
    return array.length <= 2 * count + SMALL_MAX ? array : copyOf(array, 0, count)
  }
  const isLast = array.buffer === slab && array.byteOffset + array.byteLength === 4 * used
  if (isLast) used -= array.length - count
  return array.subarray(0, count)
}

/** A copy of the elements `start` to `end - 1`. */
export function copyOf(array: Uint32Array, start: number, end: number): Uint32Array {
  const length = end - start
  if (length > FROM_SLAB_MAX) return array.slice(start, end)
  const copy = allocate(length)
  for (let i = 0; i < length; i++) copy[i] = array[start + i]!
  return copy
}
