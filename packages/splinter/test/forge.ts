import { sealed } from './naive-reader.ts'

/*
 * Legal files that no writer makes: every partition of a kind that was picked by chance, or put together by hand. Written
 * from docs/format/splinter.md, like the naive reader, and as slow.
 */

/** A partition of some width: its bytes, and how many values it has. */
export interface Partition {
  readonly bytes: readonly number[]
  readonly count: number
}

/** Picks one of some things. */
export type Pick = <T>(things: readonly T[]) => T

/** The lowest `width` bytes of a number, most significant first. */
export function numberBytes(value: number, width: number): number[] {
  return Array.from({ length: width }, (_, i) => Math.floor(value / 256 ** (width - 1 - i)) % 256)
}

const capacity = (width: number): number => 256 ** width

/** All values of a width, as one byte. */
export function full(width: number): Partition {
  return { bytes: [1], count: capacity(width) }
}

/** Ascending values as a list. */
export function vec(width: number, values: readonly number[]): Partition {
  const numbers = [...values, values.length - 1].flatMap((value) => numberBytes(value, width))
  return { bytes: [...numbers, 3], count: values.length }
}

/** Ascending values as bits. */
export function bitmap(width: number, values: readonly number[]): Partition {
  const bits = new Array<number>(capacity(width) / 8).fill(0)
  for (const value of values) bits[value >> 3]! |= 1 << (value & 7)
  return { bytes: [...bits, 2], count: values.length }
}

/** Ascending runs that do not touch, each with its first and last value. */
export function runs(width: number, pairs: readonly (readonly [number, number])[]): Partition {
  const numbers = [...pairs.flat(), pairs.length - 1].flatMap((value) => numberBytes(value, width))
  return { bytes: [...numbers, 4], count: pairs.reduce((sum, [first, last]) => sum + last - first + 1, 0) }
}

/** A tree over children of the width below, one for each segment. */
export function tree(width: number, children: readonly (readonly [segment: number, child: Partition])[]): Partition {
  const area: number[] = []
  const ends: number[] = []
  const cumulative: number[] = []
  let count = 0
  for (const [, child] of children) {
    for (const byte of child.bytes) area.push(byte)
    ends.push(area.length)
    count += child.count
    cumulative.push(...numberBytes(count - 1, width))
  }
  const offsets = ends.flatMap((end) => numberBytes(area.length - end, width))
  const segments = children.map(([segment]) => segment)
  const store = segments.length === 256 ? [] : segments.length <= 32 ? segments : bitmap(1, segments).bytes.slice(0, -1)
  return { bytes: [...area, ...offsets, ...cumulative, ...store, children.length - 1, 5], count }
}

/** A tree whose children are all alike, in the lowest segments. */
export function treeOfMany(width: number, children: number, child: Partition): Partition {
  return tree(
    width,
    Array.from({ length: children }, (_, segment) => [segment, child] as const),
  )
}

/** A file of a root partition. */
export function file({ bytes }: Partition): Uint8Array<ArrayBuffer> {
  return sealed(Uint8Array.from(bytes))
}

/** Ascending, distinct values as a file in which every partition has a kind that was picked. */
export function forge(values: readonly number[], pick: Pick): Uint8Array<ArrayBuffer> {
  return file(values.length === 0 ? { bytes: [0], count: 0 } : forgePartition(values, 4, pick))
}

function forgePartition(values: readonly number[], width: number, pick: Pick): Partition {
  const forms: (() => Partition)[] = [() => vec(width, values), () => runs(width, runsOf(values))]
  // Larger bitmaps are legal, and take long.
  if (width <= 2) forms.push(() => bitmap(width, values))
  // So that most files have depth.
  if (width > 1) forms.push(...Array.from({ length: 2 * width }, () => () => forgeTree(values, width, pick)))
  if (values.length === capacity(width)) forms.push(() => full(width))
  return pick(forms)()
}

function forgeTree(values: readonly number[], width: number, pick: Pick): Partition {
  const size = capacity(width - 1)
  const groups = new Map<number, number[]>()
  for (const value of values) {
    const segment = Math.floor(value / size)
    const group = groups.get(segment)
    if (group === undefined) groups.set(segment, [value % size])
    else group.push(value % size)
  }
  return tree(
    width,
    [...groups].map(([segment, group]) => [segment, forgePartition(group, width - 1, pick)] as const),
  )
}

function runsOf(values: readonly number[]): [number, number][] {
  const pairs: [number, number][] = []
  for (const value of values) {
    const last = pairs.at(-1)
    if (last !== undefined && last[1] === value - 1) last[1] = value
    else pairs.push([value, value])
  }
  return pairs
}
