import { afterEach, expect, test } from 'vitest'
import { EventLog } from '../src/event-log.ts'
import { Process } from '../src/process.ts'
import { Random } from '../src/random.ts'
import { Scheduler } from '../src/scheduler.ts'
import type { Violation } from '../src/violation.ts'
import { virtualizeRuntime } from '../src/virtual-runtime.ts'

const real = setTimeout
let restore = (): void => undefined
afterEach(() => restore())

function open() {
  const scheduler = new Scheduler(new Random(1), new EventLog({ isKept: false }))
  const violations: Violation[] = []
  restore = virtualizeRuntime(scheduler, (violation) => violations.push(violation))
  return { scheduler, violations, node: new Process({ name: 'node', random: new Random(1), scheduler, clockOffsetMs: 0 }) }
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

test('clocks of the runtime go by virtual time', async () => {
  const realNow = Date.now
  const { scheduler } = open()
  const [dateMs, sinceStartMs] = [Date.now(), performance.now()]
  scheduler.after(undefined, 90_000, '', () => undefined)
  await scheduler.run(() => false, 10)
  expect([Date.now() - dateMs, performance.now() - sinceStartMs]).toEqual([90_000, 90_000])
  restore()
  expect(Date.now).toBe(realNow)
})

test('chance of the runtime is told', () => {
  // oxlint-disable-next-line eslint/no-restricted-properties -- it is what this is about
  const draw = (): number => Math.random()
  const { violations } = open()
  draw()
  expect(crypto.getRandomValues(new Uint8Array(8))).toHaveLength(8)
  expect(violations.map(({ message }) => message)).toEqual([
    'simulation: chance that no seed decides, of Math.random',
    'simulation: chance that no seed decides, of crypto.getRandomValues',
  ])
  restore()
  draw()
  crypto.getRandomValues(new Uint8Array(8))
  expect(violations).toHaveLength(2)
})
