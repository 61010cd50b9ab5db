import { expect, test } from 'vitest'
import { Splinter, SplinterView } from '../src/index.ts'

/** A view of `count` values from `start` on, every third one a member: four bytes each. */
function viewOf(start: number, count: number): SplinterView {
  return new SplinterView(Splinter.from(Uint32Array.from({ length: count }, (_, i) => start + 3 * i * 2 ** 18)).toBytes())
}

test('views asked in turns answer from their own bytes, the first time and later', () => {
  const views = Array.from({ length: 5 }, (_, i) => viewOf(i, 30 + i))
  for (let round = 0; round < 3; round++) {
    for (const [i, view] of views.entries()) {
      for (const [k] of views.entries()) expect(view.has(k + 3 * 2 ** 18)).toBe(k === i)
    }
  }
})

test('a set is opened and asked the same whatever its length, short ones being checked in a copy', () => {
  for (let count = 1000; count <= 1030; count++) {
    const view = viewOf(7, count)
    const last = 7 + 3 * (count - 1) * 2 ** 18
    expect([view.size, view.has(last), view.has(last + 1), view.has(last), view.last()]).toEqual([count, true, false, true, last])
  }
})

test('a set is opened the same wherever it begins in its buffer', () => {
  const bytes = Splinter.from([1, 5, 70_000, 2 ** 32 - 1]).toBytes()
  for (let start = 0; start < 9; start++) {
    const buffer = new Uint8Array(bytes.length + start + 20).fill(0xff)
    buffer.set(bytes, start)
    const view = new SplinterView(buffer.subarray(start, start + bytes.length))
    expect([...view]).toEqual([1, 5, 70_000, 2 ** 32 - 1])
    expect([4, 5, 6].map((value) => view.has(value))).toEqual([false, true, false])
  }
})

test('what is no possible member is no member', () => {
  const view = viewOf(0, 3)
  for (const value of [-1, 0.5, Number.NaN, 2 ** 32, Infinity, '0' as unknown as number]) expect(view.has(value)).toBe(false)
})
