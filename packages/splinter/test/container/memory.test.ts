import { expect, test } from 'vitest'
import { allocate, copyOf, shrink } from '../../src/container/memory.ts'

const SIZES = [0, 1, 15, 16, 17, 100, 511, 512, 513, 2048, 5000]

/** Whether two arrays have memory in common. */
function overlap(a: Uint32Array, b: Uint32Array): boolean {
  if (a.buffer !== b.buffer) return false
  return a.byteOffset < b.byteOffset + b.byteLength && b.byteOffset < a.byteOffset + a.byteLength
}

test('arrays never share memory, however they are shrunk', () => {
  const arrays: Uint32Array[] = []
  let state = 1
  for (let round = 0; round < 400; round++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    const array = allocate(SIZES[state % SIZES.length]!)
    const count = (state >>> 8) % (array.length + 1)
    array.fill(round)
    arrays.push(state & 4096 ? shrink(array, count) : array)
    // Not the last one any more: nothing may be given back.
    if ((state & 8192) !== 0 && arrays.length > 1) arrays[arrays.length - 2] = shrink(arrays[arrays.length - 2]!, 0)
  }
  for (const [i, a] of arrays.entries()) {
    expect(new Set(a).size, `array ${i} was overwritten`).toBeLessThanOrEqual(1)
    for (const b of arrays.slice(i + 1)) expect(a.length > 0 && b.length > 0 && overlap(a, b)).toBe(false)
  }
})

test.each(SIZES)('shrinking %i elements keeps those that count, and wastes little', (length) => {
  for (const count of new Set([0, length >> 2, length >> 1, length])) {
    const array = allocate(length)
    for (let i = 0; i < length; i++) array[i] = 7 * i
    const shrunk = shrink(array, count)
    expect([...shrunk.subarray(0, count)]).toEqual(Array.from({ length: count }, (_, i) => 7 * i))
    expect(shrunk.length).toBeLessThanOrEqual(2 * count + 16)
  }
})

test('a copy shares nothing', () => {
  for (const length of SIZES) {
    const array = Uint32Array.from({ length }, (_, i) => i)
    const copy = copyOf(array, 0, length)
    expect(copy).toEqual(array)
    copy.fill(1)
    if (length > 2) expect(array[2]).toBe(2)
  }
  expect([...copyOf(Uint32Array.of(1, 2, 3, 4), 1, 3)]).toEqual([2, 3])
})
