import { IS_LITTLE_ENDIAN, setBits } from '../bits.ts'
import { fromRange, fromRuns, fromSorted, fromWords, simplifyTree } from '../container/build.ts'
import {
  type Container,
  type ContainerWidth,
  childWidth,
  ListContainer,
  newWords,
  TreeContainer,
} from '../container/container.ts'
import { BLOCK_VALUES, listMax } from '../container/limits.ts'
import { allocate } from '../container/memory.ts'
import { RunSink } from '../container/run-sink.ts'
import { BITMAP_BYTES, CAPACITY, KIND_BITMAP, KIND_EMPTY, KIND_FULL, KIND_RUN, KIND_TREE, KIND_VEC } from '../format.ts'
import { copyPartition, copyVec } from './copy.ts'
import { bitsAt, type PartitionBytes, TreeIndex } from './partition.ts'

// A tree is spread out as a list only if that takes no more than this many values for each of its bytes: a few bytes of
// runs must not become a long list.
const LIST_VALUES_PER_BYTE = 4

// A block's bits take 8 KiB, whatever they are made of. A tree in fewer bytes than this has so few runs that those take less.
const TREE_BYTES_FOR_BITS = 256

/** Where a partition lies, what it holds, and what the levels above add to its values. */
interface Place {
  readonly start: number
  readonly end: number
  readonly count: number
  readonly base: number
}

/** Makes containers of a sound root partition that begins at byte 0. Shares nothing with the bytes. */
export function decodeRoot(source: PartitionBytes, end: number, count: number): Container | undefined {
  if (source.bytes[end - 1] === KIND_EMPTY) return undefined
  return decodePartition(source, 4, { start: 0, end, count, base: 0 })
}

function decodePartition(source: PartitionBytes, width: ContainerWidth, place: Place): Container | undefined {
  const { end, count, base } = place
  switch (source.bytes[end - 1]) {
    case KIND_FULL:
      return fromRange(base, base + CAPACITY[width]! - 1)
    case KIND_BITMAP:
      return decodeBitmap(source, width, bitsAt(width, end), base, count)
    case KIND_VEC:
      return fromSorted(valuesOf(source, width, place), width, true)
    case KIND_RUN:
      return decodeRuns(source, width, place)
    case KIND_TREE: {
      const isSpread = count <= listMax(width) && count <= LIST_VALUES_PER_BYTE * (end - place.start)
      if (isSpread) return new ListContainer(valuesOf(source, width, place), count)
      return width === 2 ? decodeBlock(source, place) : decodeTree(source, width, place)
    }
    default:
      return undefined
  }
}

function valuesOf(source: PartitionBytes, width: number, { end, count, base }: Place): Uint32Array {
  const values = allocate(count)
  copyPartition(source, width, end, base, 0, values, 0)
  return values
}

function decodeRuns(source: PartitionBytes, width: ContainerWidth, { end, count, base }: Place): Container | undefined {
  const runs = source.count(width, end)
  const data = allocate(2 * runs)
  const start = end - 1 - width - 2 * runs * width
  copyVec(source, width, start, data.length, base, data, 0)
  return fromRuns(data, runs, count, width)
}

/** `count`: the set bits, if known. */
function decodeBitmap(
  source: PartitionBytes,
  width: ContainerWidth,
  start: number,
  base: number,
  count?: number,
): Container | undefined {
  if (width === 2) {
    const words = newWords()
    copyWords(source, start, words, 0, words.length)
    return fromWords(base, words, count)
  }
  const tree = new TreeContainer(width)
  const below = childWidth(width)
  for (let segment = 0; segment < 256; segment++) {
    const childBase = base + segment * CAPACITY[below]!
    const child = decodeBitmap(source, below, start + segment * BITMAP_BYTES[below]!, childBase)
    if (child !== undefined) tree.insert(segment, child)
  }
  return simplifyTree(tree)
}

function copyWords({ bytes, view }: PartitionBytes, start: number, words: Uint32Array, at: number, count: number): void {
  if (IS_LITTLE_ENDIAN && count > 8) {
    new Uint8Array(words.buffer, 4 * at, 4 * count).set(bytes.subarray(start, start + 4 * count))
    return
  }
  for (let i = 0; i < count; i++) words[at + i] = view.getUint32(start + 4 * i, true)
}

function decodeTree(source: PartitionBytes, width: 4 | 3, { start, end, base }: Place): Container | undefined {
  const tree = new TreeContainer(width)
  const index = new TreeIndex(source, width, end)
  const segments = index.segments()
  const below = childWidth(width)
  for (let i = 0, childStart = start; i < index.children; i++) {
    const childEnd = index.childEnd(i)
    const child = decodePartition(source, below, {
      start: childStart,
      end: childEnd,
      count: index.countUpTo(i) - index.countUpTo(i - 1),
      base: base + segments[i]! * CAPACITY[below]!,
    })
    if (child !== undefined) tree.insert(segments[i]!, child)
    childStart = childEnd
  }
  return simplifyTree(tree)
}

/** A tree of width 2, whose children have 256 values each, becomes the bits of one block. */
function decodeBlock(source: PartitionBytes, place: Place): Container | undefined {
  const { start, end, count, base } = place
  if (count === BLOCK_VALUES) return fromRange(base, base + BLOCK_VALUES - 1)
  if (end - start < TREE_BYTES_FOR_BITS) return decodeFewBytes(source, place)
  const words = newWords()
  const index = new TreeIndex(source, 2, end)
  const segments = index.segments()
  const values = new Uint32Array(256)
  for (let i = 0; i < index.children; i++) {
    const first = segments[i]! << 8
    const childEnd = index.childEnd(i)
    const kind = source.bytes[childEnd - 1]
    if (kind === KIND_BITMAP) copyWords(source, bitsAt(1, childEnd), words, first >>> 5, 8)
    else if (kind === KIND_FULL) setBits(words, first, first + 255)
    else {
      const length = copyPartition(source, 1, childEnd, first, 0, values, 0)
      for (let k = 0; k < length; k++) words[values[k]! >>> 5]! |= 1 << values[k]!
    }
  }
  return fromWords(base, words, count)
}

/** The same for a tree of many values in few bytes: runs, so that what a set takes stays in proportion to its file. */
function decodeFewBytes(source: PartitionBytes, { end, count, base }: Place): Container | undefined {
  const sink = new RunSink(16)
  const index = new TreeIndex(source, 2, end)
  const segments = index.segments()
  const values = new Uint32Array(256)
  for (let i = 0; i < index.children; i++) {
    const first = base + (segments[i]! << 8)
    const childEnd = index.childEnd(i)
    if (source.bytes[childEnd - 1] === KIND_FULL) sink.append(first, first + 255)
    else {
      const length = copyPartition(source, 1, childEnd, first, 0, values, 0)
      for (let k = 0; k < length; k++) sink.append(values[k]!, values[k]!)
    }
  }
  return fromRuns(sink.data, sink.runs, count, 2)
}
