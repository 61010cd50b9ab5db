import { type PartitionBytes } from './partition.ts'

/*
 * Whether the numbers of a partition are in order. Every byte of a set goes through here before its first answer, so nothing is
 * decided on the way: what is out of order leaves a bit behind, and whoever finds it there looks for the place. The loops differ
 * in how they read a number.
 */

/** Whether the ascending numbers at `place`, one or more, do ascend. */
export function vecAscends({ bytes, view }: PartitionBytes, width: number, place: number, count: number): boolean {
  const end = place + count * width
  // Negative if any number was not above the one before.
  let wrong = 0
  let before = -1
  switch (width) {
    case 1:
      for (let at = place; at < end; at++) {
        const value = bytes[at]!
        wrong |= value - before - 1
        before = value
      }
      break
    case 2: {
      let at = place
      for (; at + 4 <= end; at += 4) {
        const pair = view.getInt32(at, false)
        const first = pair >>> 16
        const second = pair & 0xffff
        wrong |= (first - before - 1) | (second - first - 1)
        before = second
      }
      if (at < end) wrong |= view.getUint16(at, false) - before - 1
      break
    }
    case 3:
      for (let at = place; at < end; at += 3) {
        // With the byte behind it, which is there: at least the count follows.
        const value = view.getInt32(at, false) >>> 8
        wrong |= value - before - 1
        before = value
      }
      break
    default:
      return wordsAscend(view, place, end)
  }
  return wrong >= 0
}

/** With the top bit turned round, signed numbers compare as unsigned ones do; those are slower. */
function wordsAscend(view: DataView, place: number, end: number): boolean {
  let wrong = 0
  let before = view.getInt32(place, false) ^ TOP_BIT
  for (let at = place + 4; at < end; at += 4) {
    const value = view.getInt32(at, false) ^ TOP_BIT
    wrong |= Number(value <= before)
    before = value
  }
  return wrong === 0
}

const TOP_BIT = 1 << 31

/**
 * How many values are in the runs at `place`, one or more; -1 if they are not in order: each has to end where it starts or later,
 * and two values or more above the last one's end.
 */
export function countOfRuns(source: PartitionBytes, width: number, place: number, runs: number): number {
  const { bytes, view } = source
  const end = place + 2 * runs * width
  let wrong = 0
  let count = runs
  let before = -2
  switch (width) {
    case 1:
      for (let at = place; at < end; at += 2) {
        const first = bytes[at]!
        const last = bytes[at + 1]!
        wrong |= (first - before - 2) | (last - first)
        count += last - first
        before = last
      }
      break
    case 2:
      for (let at = place; at < end; at += 4) {
        const run = view.getInt32(at, false)
        const first = run >>> 16
        const last = run & 0xffff
        wrong |= (first - before - 2) | (last - first)
        count += last - first
        before = last
      }
      break
    default:
      for (let at = place; at < end; at += 2 * width) {
        const first = source.number(at, width)
        const last = source.number(at + width, width)
        if (first < before + 2 || last < first) return -1
        count += last - first
        before = last
      }
  }
  return wrong < 0 ? -1 : count
}
