import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SegmentGrouping, type WritePolicy } from '../../src/write/segment-grouping.ts'

const seed = Number(process.env['FAST_CHECK_SEED'] ?? 7)
const numRuns = Number(process.env['FAST_CHECK_RUNS'] ?? 200)
const latency: WritePolicy = { type: 'latency' }
const cost: WritePolicy = { type: 'cost', intervalMs: 1000 }

function grouping(policy: WritePolicy, bytesMax = 100, runsMax = 1000): SegmentGrouping {
  return new SegmentGrouping({ policy, bytesMax, runsMax })
}

describe('policy latency', () => {
  test('a write that finds nothing in flight starts at once', () => {
    const groups = grouping(latency)
    expect(groups.add(1)).toEqual({ group: 1, isFirst: true, start: [1] })
  })

  test('writes gather while one is in flight, and start together when it ends', () => {
    const groups = grouping(latency)
    groups.add(1)
    expect(groups.add(1)).toEqual({ group: 2, isFirst: true, start: [] })
    expect(groups.add(1)).toEqual({ group: 2, isFirst: false, start: [] })
    expect(groups.uploadEnded(1).start).toEqual([2])
    expect(groups.uploadEnded(2).start).toEqual([])
    expect(groups.isIdle).toBe(true)
  })

  test('a full group starts although another is in flight', () => {
    const groups = grouping(latency)
    groups.add(1)
    groups.add(60)
    // 60 + 50 would not fit: what has gathered is as full as it gets.
    expect(groups.add(50)).toEqual({ group: 3, isFirst: true, start: [2] })
    expect(groups.add(50)).toEqual({ group: 3, isFirst: false, start: [3] })
  })

  test('a group is full by the number of its writes too', () => {
    const groups = grouping(latency, 100, 2)
    groups.add(1)
    groups.add(1)
    expect(groups.add(1).start).toEqual([2])
  })

  test('what has gathered waits until no upload is left, not only for the first to end', () => {
    const groups = grouping(latency)
    groups.add(1)
    groups.add(100)
    groups.add(1)
    expect(groups.uploadEnded(2).start).toEqual([])
    expect(groups.uploadEnded(1).start).toEqual([3])
  })

  test('an upload that is late holds nothing back, neither what has gathered nor what comes', () => {
    const groups = grouping(latency)
    groups.add(1)
    groups.add(1)
    expect(groups.uploadLate(1).start).toEqual([2])
    expect(groups.uploadEnded(2).start).toEqual([])
    expect(groups.add(1).start).toEqual([3])
    expect(groups.isIdle).toBe(false)
    groups.uploadEnded(3)
    expect(groups.uploadEnded(1).start).toEqual([])
    expect(groups.isIdle).toBe(true)
  })

  test('what has gathered waits until all uploads have ended or are late', () => {
    const groups = grouping(latency)
    groups.add(1)
    groups.add(100)
    groups.add(1)
    expect(groups.uploadLate(1).start).toEqual([])
    expect(groups.uploadLate(2).start).toEqual([3])
  })

  test('an upload that has ended is not late afterwards', () => {
    const groups = grouping(latency)
    groups.add(1)
    groups.uploadEnded(1)
    groups.add(1)
    groups.add(1)
    expect(groups.uploadLate(1).start).toEqual([])
  })
})

describe('policy cost', () => {
  test('starts when the interval of the group has passed', () => {
    const groups = grouping(cost)
    expect(groups.add(1)).toEqual({ group: 1, isFirst: true, start: [] })
    expect(groups.add(1)).toEqual({ group: 1, isFirst: false, start: [] })
    expect(groups.intervalPassed(1).start).toEqual([1])
    expect(groups.intervalPassed(1).start).toEqual([])
  })

  test('the interval of a group that started early does not touch the next one', () => {
    const groups = grouping(cost)
    groups.add(100)
    groups.add(1)
    expect(groups.intervalPassed(1).start).toEqual([])
    expect(groups.intervalPassed(2).start).toEqual([2])
  })

  test('the end of an upload starts nothing, and what gathers is not idle', () => {
    const groups = grouping(cost)
    groups.add(100)
    groups.add(1)
    expect(groups.uploadEnded(1).start).toEqual([])
    expect(groups.isIdle).toBe(false)
    expect(groups.uploadLate(1).start).toEqual([])
  })
})

describe('laws', () => {
  const event = fc.oneof(
    { weight: 4, arbitrary: fc.record({ type: fc.constant('add' as const), bytes: fc.integer({ min: 1, max: 100 }) }) },
    { weight: 2, arbitrary: fc.record({ type: fc.constant('ended' as const), which: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('late' as const), which: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('interval' as const), back: fc.nat(3) }) },
  )

  test('every write is in one group within the limits, every group starts once, drain leaves nothing', () => {
    fc.assert(
      fc.property(fc.constantFrom(latency, cost), fc.array(event, { maxLength: 60, size: 'max' }), (policy, events) => {
        const groups = grouping(policy, 100, 5)
        const members = new Map<number, number[]>()
        const started: number[] = []
        const running: number[] = []
        const late = new Set<number>()
        const start = (list: readonly number[]): void => {
          for (const group of list) {
            expect(started).not.toContain(group)
            expect(members.has(group)).toBe(true)
            started.push(group)
            running.push(group)
          }
        }
        const drive = (step: (typeof events)[number]): void => {
          if (step.type === 'add') {
            const { group, isFirst, start: list } = groups.add(step.bytes)
            expect(started).not.toContain(group)
            expect(members.has(group)).toBe(!isFirst)
            members.set(group, [...(members.get(group) ?? []), step.bytes])
            start(list)
          } else if (step.type === 'interval') {
            start(groups.intervalPassed(members.size - step.back).start)
          } else if (running.length > 0) {
            const at = step.which % running.length
            const group = running[at] as number
            if (step.type === 'ended') running.splice(at, 1)
            else late.add(group)
            start((step.type === 'ended' ? groups.uploadEnded(group) : groups.uploadLate(group)).start)
          }
          // Nobody is parked: under `latency` something that is not late is in flight while something waits.
          if (policy.type === 'latency' && members.size > started.length) {
            expect(running.filter((group) => !late.has(group))).not.toEqual([])
          }
          expect(members.size - started.length).toBeLessThanOrEqual(1)
        }
        for (const step of events) drive(step)
        start(groups.drain().start)
        expect([...started].sort((a, b) => a - b)).toEqual([...members.keys()])
        for (const list of members.values()) {
          expect(list.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThanOrEqual(100)
          expect(list.length).toBeLessThanOrEqual(5)
        }
        while (running.length > 0) drive({ type: 'ended', which: 0 })
        expect(groups.isIdle).toBe(true)
        // After the drain a write never gathers.
        expect(groups.add(1).start.length).toBe(1)
      }),
      { seed, numRuns },
    )
  })
})
