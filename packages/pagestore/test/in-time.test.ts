import { expect, test } from 'vitest'
import { inTime } from '../src/in-time.ts'
import { settle, VirtualTimers } from './harness.ts'

const late = (): Error => new Error('late')

test.each([
  ['work that ends', () => Promise.resolve('done'), 'done'],
  ['work that fails', () => Promise.reject(new Error('failed')), 'failed'],
])('%s in time gives its outcome, and leaves no timer', async (_, work, outcome) => {
  const timers = new VirtualTimers()
  const limited = inTime<string>(work(), { timers, ms: 10, error: late }).catch((error: Error) => error.message)
  expect(timers.waiting).toBe(1)
  expect(await limited).toBe(outcome)
  expect(timers.waiting).toBe(0)
})

test('work that takes longer fails when its time is over, and what it comes to then is nobody else’s trouble', async () => {
  const timers = new VirtualTimers()
  let fail: (error: Error) => void = () => undefined
  const work = new Promise<string>((_, reject) => {
    fail = reject
  })
  let seen = 'nothing'
  inTime(work, { timers, ms: 10, error: late }).catch((error: Error) => {
    seen = error.message
  })
  await timers.advance(9)
  expect(seen).toBe('nothing')
  await timers.advance(1)
  expect(seen).toBe('late')
  fail(new Error('failed'))
  await settle()
  expect(seen).toBe('late')
})
