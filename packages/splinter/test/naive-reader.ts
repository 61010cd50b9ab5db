import { crc64Nvme } from '../src/crc64.ts'

/*
 * A second reader, written from docs/format/splinter.md and slow on purpose: it cuts the file into pieces, reads numbers byte by
 * byte, and answers with ranges. The fuzz tests compare it with the package's own.
 */

/** First and last value, both inclusive. */
export type Range = readonly [number, number]

/** Thrown for bytes that are no set. */
export class NotASet extends Error {}

/** A file around a root partition: checksum and magic are put behind it. */
export function sealed(partition: Uint8Array): Uint8Array<ArrayBuffer> {
  const file = new Uint8Array(partition.length + 12)
  file.set(partition)
  new DataView(file.buffer).setBigUint64(partition.length, crc64Nvme(partition), true)
  file.set([0x59, 0x11, 0xa7, 0xe2], partition.length + 8)
  return file
}

/** Reads a file whose checksum and magic are right. The ranges ascend, but may touch. */
export function readNaively(file: Uint8Array): Range[] {
  const root = file.subarray(0, file.length - 12)
  if (root.at(-1) === 0) {
    need(root.length === 1, 'an empty root has one byte')
    return []
  }
  return readPartition(root, 4)
}

function need(condition: boolean, rule: string): asserts condition {
  if (!condition) throw new NotASet(rule)
}

function readPartition(bytes: Uint8Array, width: number): Range[] {
  need(bytes.length > 0, 'a partition has a kind')
  const body = bytes.subarray(0, -1)
  const capacity = 256 ** width
  switch (bytes.at(-1)) {
    case 1:
      need(body.length === 0, 'full: the kind alone')
      return [[0, capacity - 1]]
    case 2:
      need(body.length === capacity / 8, 'bitmap: length')
      return readBitmap(body, width)
    case 3:
      return readVec(body, width)
    case 4:
      return readRun(body, width)
    case 5:
      need(width > 1, 'no tree at width 1')
      return readTree(body, width)
    default:
      throw new NotASet('unknown kind')
  }
}

/** Numbers of `width` bytes, most significant first. */
function numbers(bytes: Uint8Array, width: number): number[] {
  const all: number[] = []
  for (let at = 0; at < bytes.length; at += width) {
    all.push(bytes.subarray(at, at + width).reduce((number, byte) => number * 256 + byte, 0))
  }
  return all
}

function readBitmap(body: Uint8Array, width: number): Range[] {
  const ranges: Range[] = []
  body.forEach((byte, i) => {
    for (let bit = 0; bit < 8; bit++) if ((byte & (1 << bit)) !== 0) ranges.push([8 * i + bit, 8 * i + bit])
  })
  need(width === 4 || ranges.length > 0, 'no empty child')
  return ranges
}

function readVec(body: Uint8Array, width: number): Range[] {
  need(body.length >= width, 'vec: length')
  const count = numbers(body.subarray(-width), width)[0]! + 1
  need(body.length === (count + 1) * width, 'vec: length')
  const values = numbers(body.subarray(0, -width), width)
  need(
    values.every((value, i) => i === 0 || values[i - 1]! < value),
    'vec: order',
  )
  return values.map((value) => [value, value])
}

function readRun(body: Uint8Array, width: number): Range[] {
  need(body.length >= width, 'run: length')
  const count = numbers(body.subarray(-width), width)[0]! + 1
  need(body.length === (2 * count + 1) * width, 'run: length')
  const bounds = numbers(body.subarray(0, -width), width)
  const ranges: Range[] = []
  for (let i = 0; i < bounds.length; i += 2) {
    need(bounds[i]! <= bounds[i + 1]!, 'run: ends before it starts')
    need(i === 0 || bounds[i - 1]! + 1 < bounds[i]!, 'run: order')
    ranges.push([bounds[i]!, bounds[i + 1]!])
  }
  return ranges
}

function readTree(body: Uint8Array, width: number): Range[] {
  need(body.length > 0, 'tree: number of children')
  const children = body.at(-1)! + 1
  const storeBytes = children === 256 ? 0 : children > 32 ? 32 : children
  const indexBytes = 2 * children * width + storeBytes + 1
  need(body.length >= indexBytes, 'tree: length')
  const area = body.subarray(0, body.length - indexBytes)
  const index = body.subarray(body.length - indexBytes, -1)
  const offsets = numbers(index.subarray(0, children * width), width)
  const cumulative = numbers(index.subarray(children * width, 2 * children * width), width)
  const segments = readSegments(index.subarray(2 * children * width), children)
  const ranges: Range[] = []
  let start = 0
  let count = 0
  for (let i = 0; i < children; i++) {
    const end = area.length - offsets[i]!
    need(end > start && end <= area.length, 'tree: offsets')
    const base = segments[i]! * 256 ** (width - 1)
    for (const [first, last] of readPartition(area.subarray(start, end), width - 1)) {
      ranges.push([base + first, base + last])
      count += last - first + 1
    }
    need(cumulative[i] === count - 1, 'tree: cardinalities')
    start = end
  }
  need(start === area.length, 'tree: unused bytes')
  return ranges
}

function readSegments(store: Uint8Array, children: number): number[] {
  const all = Array.from({ length: 256 }, (_, i) => i)
  if (children === 256) return all
  if (children > 32) {
    const set = all.filter((segment) => (store[segment >> 3]! & (1 << (segment & 7))) !== 0)
    need(set.length === children, 'tree: segment bitmap')
    return set
  }
  need(
    store.every((segment, i) => i === 0 || store[i - 1]! < segment),
    'tree: segment order',
  )
  return [...store]
}
