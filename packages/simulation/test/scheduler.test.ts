import { describe, expect, test } from 'vitest'
import { EventLog } from '../src/event-log.ts'
import { Process } from '../src/process.ts'
import { Random } from '../src/random.ts'
import { Scheduler } from '../src/scheduler.ts'

const open = (seed = 1) => new Scheduler(new Random(seed), new EventLog({ isKept: true }))
const processOf = (scheduler: Scheduler) => new Process({ name: 'node', random: new Random(1), scheduler, clockOffsetMs: 0 })

describe('a scheduler', () => {
  test('runs events in the order of their times, and follows their promises before the next', async () => {
    const scheduler = open()
    const seen: string[] = []
    const deep = async (left: number): Promise<void> => (left === 0 ? void seen.push('deep') : deep(left - 1))
    scheduler.after(undefined, 20, 'b', () => seen.push('b'))
    scheduler.after(undefined, 10, 'a', () => {
      seen.push('a')
      void deep(1000)
    })
    expect(await scheduler.run(() => false, 100)).toBe('idle')
    expect(seen).toEqual(['a', 'deep', 'b'])
    expect(scheduler.nowMs).toBe(20)
  })

  test('orders events at one moment by the seed', async () => {
    const orderOf = async (seed: number): Promise<string> => {
      const scheduler = open(seed)
      const seen: number[] = []
      for (let i = 0; i < 10; i++) scheduler.after(undefined, 5, '', () => seen.push(i))
      await scheduler.run(() => false, 100)
      return seen.join(' ')
    }
    expect(await orderOf(1)).toBe(await orderOf(1))
    expect(new Set(await Promise.all([1, 2, 3].map(orderOf))).size).toBe(3)
  })

  test('keeps the order of a thousand times', async () => {
    const scheduler = open()
    const random = new Random(3)
    const times: number[] = []
    for (let i = 0; i < 1000; i++) scheduler.after(undefined, random.below(500), '', () => times.push(scheduler.nowMs))
    await scheduler.run(() => false, 2000)
    expect(times).toEqual([...times].sort((a, b) => a - b))
    expect(times).toHaveLength(1000)
  })

  test('drops the events of those who have died, and those that were cancelled', async () => {
    const scheduler = open()
    const [dead, alive] = [processOf(scheduler), processOf(scheduler)]
    const seen: string[] = []
    scheduler.after(dead, 10, '', () => seen.push('dead'))
    alive.timers.start(() => seen.push('alive'), 10)
    alive.timers.start(() => seen.push('cancelled'), 10)()
    dead.die()
    await scheduler.run(() => false, 100)
    expect(seen).toEqual(['alive'])
  })

  test('knows how many events are waiting', async () => {
    const scheduler = open()
    const cancels = [1, 2, 3, 4].map((delayMs) => scheduler.after(undefined, delayMs, '', () => undefined))
    cancels[1]?.()
    cancels[1]?.()
    expect(scheduler.waiting).toBe(3)
    await scheduler.run(() => scheduler.nowMs >= 3, 10)
    expect(scheduler.waiting).toBe(1)
    // What has happened cannot be cancelled.
    cancels[0]?.()
    expect(scheduler.waiting).toBe(1)
    cancels[3]?.()
    expect(scheduler.waiting).toBe(0)
    expect(await scheduler.run(() => false, 10)).toBe('idle')
    expect(scheduler.waiting).toBe(0)
  })

  test('puts off the events of those who are paused', async () => {
    const scheduler = open()
    const process = processOf(scheduler)
    process.pausedUntilMs = 1000
    let at = 0
    scheduler.after(process, 10, '', () => (at = scheduler.nowMs))
    await scheduler.run(() => false, 100)
    expect(at).toBe(1000)
  })

  test('ends when it is done, and when it would go on for ever', async () => {
    const scheduler = open()
    const again = (): void => void scheduler.after(undefined, 1, '', again)
    again()
    expect(await scheduler.run(() => scheduler.nowMs >= 5, 100)).toBe('done')
    expect(await scheduler.run(() => false, 100)).toBe('too-many-events')
  })
})
