import { afterEach, expect, test } from 'vitest'
import { EventLog } from '../src/event-log.ts'
import { Process } from '../src/process.ts'
import { Random } from '../src/random.ts'
import { Scheduler } from '../src/scheduler.ts'
import { virtualizeTimers } from '../src/virtual-timers.ts'

const real = setTimeout
let restore = (): void => undefined
afterEach(() => restore())

function open() {
  const scheduler = new Scheduler(new Random(1), new EventLog({ isKept: false }))
  restore = virtualizeTimers(scheduler)
  return { scheduler, node: new Process({ name: 'node', random: new Random(1), scheduler, clockOffsetMs: 0 }) }
}

test('timers of the runtime go by virtual time, and can be cleared', async () => {
  const { scheduler } = open()
  const fired: [unknown, number][] = []
  setTimeout((what: string) => fired.push([what, scheduler.nowMs]), 3_600_000, 'late')
  setTimeout(() => fired.push(['early', scheduler.nowMs]), 10)
  clearTimeout(setTimeout(() => fired.push(['cleared', scheduler.nowMs]), 20))
  expect(await scheduler.run(() => false, 10)).toBe('idle')
  expect(fired).toEqual([
    ['early', 10],
    ['late', 3_600_000],
  ])
})

test('a timer is of the node whose turn it was', async () => {
  const { scheduler, node } = open()
  let fired = 0
  scheduler.after(node, 1, '', () => void Promise.resolve().then(() => setTimeout(() => fired++, 10)))
  scheduler.after(undefined, 5, '', () => node.die())
  await scheduler.run(() => false, 10)
  expect(fired).toBe(0)
})

test('real timers come back, and are cleared as ever', () => {
  const started = setTimeout(() => undefined, 2 ** 30)
  open()
  expect(setTimeout).not.toBe(real)
  clearTimeout(started)
  restore()
  expect(setTimeout).toBe(real)
})
