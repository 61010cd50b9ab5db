import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PartitionCore } from '../../src/partition/partition-core.ts'
import { bitmap, file, forge, full, type Partition, type Pick, runs, tree, treeOfMany, vec } from '../forge.ts'
import { propertyOptions } from '../sets.ts'

/** All members of a core: those of a row of bits around them, which is cleared to the last bit when they are taken out. */
function membersInRow(core: PartitionCore): number[] {
  const base = core.first() - (core.first() % 65_536)
  const row = new Uint32Array(Math.ceil((core.last() + 1 - base) / 65_536) * 2048)
  core.setBits(row, base)
  const members: number[] = []
  row.forEach((word, i) => {
    for (let bit = 0; bit < 32; bit++) if (((word >>> bit) & 1) === 1) members.push(base + 32 * i + bit)
  })
  return members
}

function membersInOrder(core: PartitionCore): number[] {
  const buffer = new Uint32Array(core.size)
  expect(core.copyFrom(0, buffer)).toBe(core.size)
  return [...buffer]
}

const segmentsWith = (child: Partition, ...segments: number[]): [number, Partition][] =>
  segments.map((segment) => [segment, child])

const PARTITIONS: [string, Partition][] = [
  ['complete children', tree(4, [[3, tree(3, segmentsWith(full(2), 4, 9))]])],
  ['a complete range', tree(4, [[255, full(3)]])],
  ['short lists', tree(4, [[3, tree(3, segmentsWith(tree(2, segmentsWith(vec(1, [0, 7, 255]), 0, 9, 255)), 4, 9))]])],
  [
    'short runs',
    tree(4, [
      [
        3,
        tree(
          3,
          segmentsWith(
            tree(
              2,
              segmentsWith(
                runs(1, [
                  [0, 0],
                  [31, 33],
                  [60, 255],
                ]),
                2,
                3,
              ),
            ),
            4,
            9,
          ),
        ),
      ],
    ]),
  ],
  ['small bitmaps', tree(4, [[3, tree(3, segmentsWith(tree(2, segmentsWith(bitmap(1, [1, 31, 32, 254]), 2, 3)), 4))]])],
  ['bitmaps of blocks', tree(4, [[3, tree(3, segmentsWith(bitmap(2, [0, 70, 65_535]), 4, 9))]])],
  ['a large bitmap that begins below the row and ends above', tree(4, [[9, bitmap(3, [70_000, 70_001, 200_000])]])],
  ['lists of blocks', tree(4, [[3, tree(3, segmentsWith(vec(2, [0, 70, 65_535]), 4, 9))]])],
  [
    'runs of blocks',
    tree(4, [
      [
        3,
        tree(
          3,
          segmentsWith(
            runs(2, [
              [0, 70],
              [80, 80],
              [60_000, 65_535],
            ]),
            4,
            9,
          ),
        ),
      ],
    ]),
  ],
  [
    'lists and runs of ranges',
    tree(4, [
      [3, vec(3, [5, 70_000])],
      [
        4,
        runs(3, [
          [0, 70],
          [80_000, 90_000],
        ]),
      ],
    ]),
  ],
  ['a list at the root', vec(4, [4_000_000_000, 4_000_000_001, 4_000_100_000])],
  [
    'runs at the root',
    runs(4, [
      [3_000_000_000, 3_000_000_100],
      [3_000_200_000, 3_000_300_000],
    ]),
  ],
  ['many children', tree(4, [[7, treeOfMany(3, 33, treeOfMany(2, 40, vec(1, [5, 6])))]])],
  ['as many children as there can be', tree(4, [[7, treeOfMany(3, 3, treeOfMany(2, 256, vec(1, [5, 255])))]])],
]

describe.each(PARTITIONS)('%s', (_what, partition) => {
  const core = new PartitionCore(file(partition), false)
  const members = membersInOrder(core)
  const set = new Set(members)

  test('first and last', () => {
    expect([core.first(), core.last()]).toEqual([members[0], members.at(-1)])
  })

  test('a bit for each member', () => {
    expect(membersInRow(core)).toEqual(members)
  })

  test('membership, rank and select', () => {
    for (let i = 0; i < members.length; i += 1 + Math.floor(members.length / 500)) {
      const member = members[i]!
      expect([core.has(member), core.rank(member), core.select(i)]).toEqual([true, i + 1, member])
      const next = member + 1
      if (next < 2 ** 32) expect([core.has(next), core.rank(next)]).toEqual([set.has(next), i + 1 + Number(set.has(next))])
      const before = member - 1
      if (before >= 0) expect([core.has(before), core.rank(before)]).toEqual([set.has(before), i])
    }
  })
})

test('all questions agree on partitions of kinds that no writer picks', () => {
  const members = fc.tuple(
    fc.nat(2 ** 32 - 2 ** 20),
    fc.uniqueArray(fc.oneof(fc.nat(300), fc.nat(2 ** 20)), { minLength: 1, maxLength: 200, size: 'max' }),
  )
  fc.assert(
    fc.property(members, fc.nat(), ([start, steps], seed) => {
      const values = steps.map((step) => start + step).sort((a, b) => a - b)
      let state = seed
      const pick: Pick = (things) =>
        things[((state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) >>> 8) % things.length]!
      const core = new PartitionCore(forge(values, pick), false)
      expect(membersInRow(core)).toEqual(values)
      expect([core.first(), core.last()]).toEqual([values[0], values.at(-1)])
      for (const [i, value] of values.entries()) {
        expect([core.has(value), core.rank(value), core.select(i)]).toEqual([true, i + 1, value])
        expect(core.has(value + 1)).toBe(values[i + 1] === value + 1)
        expect(core.rank(value + 1)).toBe(i + 1 + Number(values[i + 1] === value + 1))
      }
    }),
    propertyOptions(100),
  )
})
