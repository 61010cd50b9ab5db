import { describe, expect, test } from 'vitest'
import { contendersFor } from '../../splinter/all-contenders.ts'
import type { Contender } from '../../splinter/contender.ts'
import { type Loop, loopOf, type OperationName } from '../../splinter/loops.ts'
import { nativeRoaring } from '../../splinter/roaring.ts'
import { TARGETS } from '../../splinter/targets.ts'
import { thousandPageSets, type Workload, workloads } from '../../splinter/workloads.ts'

/*
 * A contender that answers wrongly is fast for nothing. What each one says is compared with what is worked out here, from
 * flat arrays and JavaScript's own sets.
 */
const OPERATIONS = Object.keys(TARGETS) as OperationName[]
// Select numbers of roaring-wasm come back through a float of 24 bits.
const isExact = (name: string, value: number): boolean => name !== 'roaring-wasm' || value < 2 ** 24

/** How many of the members a set has, and no others. */
function expectMembers<S>(contender: Contender<S>, set: S, expected: Iterable<number>, what: string): void {
  const members = [...expected]
  expect(contender.size(set), `${contender.name} ${what}: size`).toBe(members.length)
  expect(
    members.find((value) => !contender.has(set, value)),
    `${contender.name} ${what}: misses`,
  ).toBeUndefined()
}

function checkQuestions<S>(contender: Contender<S>, set: S, members: Uint32Array, probes: Uint32Array): void {
  const { name, rank, select } = contender
  const isMember = new Set(members)
  // How many members are at or below each probe, by one walk along both.
  let below = 0
  for (const value of probes.toSorted()) {
    while (below < members.length && members[below]! <= value) below++
    if (contender.has(set, value) !== isMember.has(value)) expect.fail(`${name} has ${value}`)
    if (rank !== undefined && rank(set, value) !== below) expect.fail(`${name} rank ${value}`)
    const index = value % members.length
    const isRight = select === undefined || select(set, index) === members[index]
    if (!isRight && isExact(name, members[index]!)) expect.fail(`${name} select ${index}`)
  }
}

function checkOperations<S>(contender: Contender<S>, workload: Workload, i: number): void {
  const members = workload.sets[i]!
  const neighbour = workload.sets[(i + 1) % workload.sets.length]!
  const a = contender.make(members)
  const b = contender.make(neighbour)
  const modelA = new Set(members)
  const modelB = new Set(neighbour)
  if (contender.union) expectMembers(contender, contender.union(a, b), modelA.union(modelB), 'union')
  if (contender.intersection) expectMembers(contender, contender.intersection(a, b), modelA.intersection(modelB), 'intersection')
  expectMembers(contender, a, members, 'left operand')
  expectMembers(contender, b, neighbour, 'right operand')
  if (contender.encode === undefined) return
  const bytes = contender.encode(a)
  expectMembers(contender, contender.decode!(bytes), members, 'decoded')
  for (const value of workload.probes[i]!.subarray(0, 20)) {
    expect(contender.ask!(bytes, value), `${contender.name} asked for ${value}`).toBe(modelA.has(value))
  }
}

describe.each(workloads())('$name', (workload) => {
  const { sets, probes } = workload
  const contenders = contendersFor(workload)
  // Large sets take a while, and positions in them take some contenders very long.
  const some = Math.min(sets.length, sets[0]!.length > 5000 ? 2 : 20)
  const shortened: Workload = { ...workload, probes: probes.map((own) => own.subarray(0, 1000)) }

  test.each(contenders)('$name answers rightly', (contender) => {
    for (let i = 0; i < some; i++) {
      checkQuestions(contender, contender.make(sets[i]!), sets[i]!, shortened.probes[i]!)
      if (contender.name !== 'SplinterView') checkOperations(contender, workload, i)
    }
  })

  test.each(OPERATIONS)('the loop for "%s" gives the same for all', (operation) => {
    const given = operation === 'has' ? workload : shortened
    const loops = contenders.flatMap((contender): [string, Loop][] => {
      const loop = loopOf(contender, operation, given)
      return loop === undefined ? [] : [[contender.name, loop]]
    })
    const asked = given.probes.reduce((sum, { length }) => sum + length, 0)
    const answers = new Set(loops.map(([, loop]) => loop.run()))
    expect(answers.size).toBe(1)
    // Again: a loop must not use up what it works on.
    for (const [name, loop] of loops) expect(answers.has(loop.run()), name).toBe(true)
    const isAsked = ['has', 'rank', 'select'].includes(operation)
    for (const [, { operations }] of loops) expect(operations).toBe(isAsked ? asked : sets.length)
    if (operation === 'has') expect([...answers]).toEqual([asked / 2])
    expect(loops.length).toBeGreaterThanOrEqual(2)
  })
})

test('the union of many encoded sets', () => {
  const many = thousandPageSets()
  const expected = new Set(many.flatMap((set) => [...set]))
  const able = contendersFor(workloads()[0]!).filter(({ unionAll }) => unionAll !== undefined)
  expect(able.length).toBeGreaterThanOrEqual(2)
  for (const contender of able) {
    const bytes = many.map((set) => contender.encode!(contender.make(set)))
    expectMembers(contender, contender.unionAll!(bytes), expected, 'union of many')
  }
})

describe('native roaring', () => {
  test('is left out where nothing is named', () => {
    expect(nativeRoaring('')).toBeUndefined()
  })

  test('is an error where it is named and cannot be loaded', () => {
    expect(() => nativeRoaring('/nowhere/roaring')).toThrow('/nowhere/roaring')
  })
})
