/*
 * CRoaring as its two ports for JavaScript offer it: compiled to WebAssembly (`roaring-wasm`), and as an addon of Node
 * (`roaring`). The addon is no dependency: its installation compiles it or fetches a binary. See README.md beside this file.
 */
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { RoaringBitmap32, RoaringUint8Array } from 'roaring-wasm'
import type { Contender } from './contender.ts'

/** The part of a bitmap that both ports have. */
export interface RoaringSet {
  readonly size: number
  has(value: number): boolean
  rank(value: number): number
  select(index: number): number | undefined
  runOptimize(): boolean
  serialize(format: 'portable'): Uint8Array
}

interface RoaringClass<S extends RoaringSet> {
  new (values: Uint32Array): S
  or(a: S, b: S): S
  and(a: S, b: S): S
  orMany(sets: S[]): S
  deserialize(bytes: Uint8Array, format: 'portable'): S
}

function contender<S extends RoaringSet>(name: string, Bitmap: RoaringClass<S>, drop: (set: S) => void): Contender<S> {
  return {
    name,
    make: (values) => {
      const set = new Bitmap(values)
      set.runOptimize()
      return set
    },
    drop,
    size: (set) => set.size,
    has: (set, value) => set.has(value),
    rank: (set, value) => set.rank(value),
    select: (set, index) => set.select(index)!,
    union: (a, b) => Bitmap.or(a, b),
    intersection: (a, b) => Bitmap.and(a, b),
    encode: (set) => set.serialize('portable'),
    decode: (bytes) => Bitmap.deserialize(bytes, 'portable'),
    ask: (bytes, value) => {
      const set = Bitmap.deserialize(bytes, 'portable')
      const isMember = set.has(value)
      drop(set)
      return isMember
    },
    unionAll: (all) => {
      const sets = all.map((bytes) => Bitmap.deserialize(bytes, 'portable'))
      const union = Bitmap.orMany(sets)
      for (const set of sets) drop(set)
      return union
    },
  }
}

const MARK_BYTES = 2 ** 20

export const roaringWasm: Contender<RoaringBitmap32> = {
  ...contender<RoaringBitmap32>('roaring-wasm', RoaringBitmap32, (set) => {
    set.dispose()
  }),
  // It does not say what it has allocated. Something large goes behind everything else, so its place tells.
  memoryOutside: () => {
    const mark = new RoaringUint8Array(MARK_BYTES)
    const place = mark.asTypedArray().byteOffset
    mark.dispose()
    return place
  },
}

interface RoaringAddon {
  readonly RoaringBitmap32: RoaringClass<RoaringSet>
  getRoaringUsedMemory(): number
}

/**
 * The addon, if `BENCH_ROARING` names the folder of an installed one.
 *
 * @throws {Error} If it cannot be loaded from there.
 */
export function nativeRoaring(folder: string | undefined = process.env['BENCH_ROARING']): Contender<RoaringSet> | undefined {
  if (folder === undefined || folder === '') return undefined
  const addon = createRequire(import.meta.url)(resolve(folder)) as RoaringAddon
  const native = contender('roaring', addon.RoaringBitmap32, () => {})
  return { ...native, memoryOutside: () => addon.getRoaringUsedMemory() }
}
