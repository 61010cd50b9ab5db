import { Splinter, SplinterView } from '@graft-ts/splinter'
import { TypedFastBitSet } from 'typedfastbitset'
import type { Contender } from './contender.ts'

const keep = (): void => {}

export const splinter: Contender<Splinter> = {
  name: 'Splinter',
  make: (values) => Splinter.from(values),
  drop: keep,
  size: (set) => set.size,
  has: (set, value) => set.has(value),
  rank: (set, value) => set.rank(value),
  select: (set, index) => set.select(index)!,
  union: (a, b) => a.union(b),
  intersection: (a, b) => a.intersection(b),
  encode: (set) => set.toBytes(),
  decode: (bytes) => Splinter.fromBytes(bytes),
  ask: (bytes, value) => new SplinterView(bytes).has(value),
  unionAll: (all) => Splinter.unionAll(all.map((bytes) => new SplinterView(bytes))),
}

export const splinterView: Contender<SplinterView> = {
  name: 'SplinterView',
  make: (values) => new SplinterView(Splinter.from(values).toBytes()),
  drop: keep,
  size: (set) => set.size,
  has: (set, value) => set.has(value),
  rank: (set, value) => set.rank(value),
  select: (set, index) => set.select(index)!,
}

export const typedFastBitSet: Contender<TypedFastBitSet> = {
  name: 'typedfastbitset',
  make: (values) => new TypedFastBitSet(values),
  drop: keep,
  size: (set) => set.size(),
  has: (set, value) => set.has(value),
  union: (a, b) => a.new_union(b),
  intersection: (a, b) => a.new_intersection(b),
}

export const nativeSet: Contender<Set<number>> = {
  name: 'Set',
  make: (values) => new Set(values),
  drop: keep,
  size: (set) => set.size,
  has: (set, value) => set.has(value),
  union: (a, b) => a.union(b),
  intersection: (a, b) => a.intersection(b),
}

/** The first index whose value is not below `value`. */
function lowerBound(values: Uint32Array, value: number): number {
  let low = 0
  let high = values.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (values[middle]! < value) low = middle + 1
    else high = middle
  }
  return low
}

export const sortedArray: Contender<Uint32Array> = {
  name: 'sorted Uint32Array',
  make: (values) => values.slice(),
  drop: keep,
  size: (set) => set.length,
  has: (set, value) => set[lowerBound(set, value)] === value,
  rank: (set, value) => lowerBound(set, value + 1),
  select: (set, index) => set[index]!,
  union: (a, b) => {
    const out = new Uint32Array(a.length + b.length)
    let i = 0
    let j = 0
    let at = 0
    while (i < a.length && j < b.length) {
      const x = a[i]!
      const y = b[j]!
      out[at++] = x < y ? x : y
      if (x <= y) i++
      if (y <= x) j++
    }
    while (i < a.length) out[at++] = a[i++]!
    while (j < b.length) out[at++] = b[j++]!
    return out.subarray(0, at)
  },
  intersection: (a, b) => {
    const out = new Uint32Array(Math.min(a.length, b.length))
    let i = 0
    let j = 0
    let at = 0
    while (i < a.length && j < b.length) {
      const x = a[i]!
      const y = b[j]!
      if (x === y) out[at++] = x
      if (x <= y) i++
      if (y <= x) j++
    }
    return out.subarray(0, at)
  },
}
