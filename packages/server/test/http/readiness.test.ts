import { metered } from '@graft-ts/storage-adapters'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import { expect, test } from 'vitest'
import { Readiness } from '../../src/http/readiness.ts'
import { deferred, ManualTimers } from './controlled.ts'
import { storeWithHead } from './stores.ts'

const limits = { timeoutMs: 2000, answerAgeMsMax: 1000 }

test('probes share one cheap read, and an answer is good for a second', async () => {
  const store = metered(new MemoryStore())
  let nowMs = 5000
  const readiness = new Readiness({ stores: [store], nowMs: () => nowMs, timers: new ManualTimers(), ...limits })
  await Promise.all([readiness.check(), readiness.check()])
  nowMs = 5999
  await readiness.check()
  expect(store.counts).toMatchObject({ head: 1, get: 0, list: 0 })
  nowMs = 6000
  expect(await readiness.check()).toEqual({ isReady: true })
  expect(store.counts.head).toBe(2)
})

test('every store must answer', async () => {
  const failing = storeWithHead(() => Promise.reject(new Error('untyped')))
  const readiness = new Readiness({ stores: [new MemoryStore(), failing], nowMs: () => 0, timers: new ManualTimers(), ...limits })
  expect(await readiness.check()).toEqual({ isReady: false, reason: 'STORE_FAILED' })
})

test('a store that does not answer in time is not ready, and its timer is not left behind when it does', async () => {
  const timers = new ManualTimers()
  const never = deferred<undefined>()
  const slow = new Readiness({ stores: [storeWithHead(() => never.promise)], nowMs: () => 0, timers, ...limits })
  const answer = slow.check()
  expect(timers.delays).toEqual([2000])
  timers.fire(2000)
  expect(await answer).toEqual({ isReady: false, reason: 'STORE_SLOW' })
  const quick = new Readiness({ stores: [new MemoryStore()], nowMs: () => 0, timers, ...limits })
  await quick.check()
  expect(timers.delays).toEqual([])
})
