import { describe, expect, test } from 'vitest'
import { inOrderOfArrival } from '../../src/read/arrivals.ts'

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: unknown) => void } {
  let resolve: (value: T) => void = () => undefined
  let reject: (error: unknown) => void = () => undefined
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}

async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve()
}

describe('inOrderOfArrival', () => {
  test('gives results as they arrive, not as they were asked for', async () => {
    const [a, b, c] = [deferred<string>(), deferred<string>(), deferred<string>()]
    const results = inOrderOfArrival([() => [a.promise, b.promise], () => [c.promise]], { inFlightMax: 2, waitingMax: 10 })
    const first = results.next()
    c.resolve('c')
    expect(await first).toEqual({ done: false, value: 'c' })
    b.resolve('b')
    expect((await results.next()).value).toBe('b')
    a.resolve('a')
    expect((await results.next()).value).toBe('a')
    expect((await results.next()).done).toBe(true)
  })

  test('runs no more tasks at a time than allowed', async () => {
    let running = 0
    let most = 0
    const task = () => {
      most = Math.max(most, ++running)
      return [Promise.resolve().then(() => running--)]
    }
    for await (const _ of inOrderOfArrival(
      Array.from({ length: 20 }, () => task),
      { inFlightMax: 3, waitingMax: 10 },
    ));
    expect(most).toBe(3)
  })

  test('starts nothing more while the consumer is behind', async () => {
    let started = 0
    const task = () => {
      started += 1
      return [Promise.resolve(started)]
    }
    const results = inOrderOfArrival(
      Array.from({ length: 20 }, () => task),
      { inFlightMax: 2, waitingMax: 3 },
    )
    await results.next()
    await settle()
    expect(started).toBeLessThanOrEqual(5)
    let count = 1
    for await (const _ of results) count += 1
    expect(count).toBe(20)
  })

  test('the first failure ends it at once, and later ones do not go unhandled', async () => {
    const [a, b, c] = [deferred<string>(), deferred<string>(), deferred<string>()]
    const results = inOrderOfArrival([() => [a.promise, b.promise, c.promise]], { inFlightMax: 1, waitingMax: 10 })
    const next = results.next()
    b.reject(new Error('b'))
    await expect(next).rejects.toThrow('b')
    c.reject(new Error('c'))
    a.resolve('a')
    await settle()
    expect((await results.next()).done).toBe(true)
  })

  test('no task, and tasks without results', async () => {
    expect((await inOrderOfArrival([], { inFlightMax: 1, waitingMax: 1 }).next()).done).toBe(true)
    expect((await inOrderOfArrival([() => [], () => []], { inFlightMax: 1, waitingMax: 1 }).next()).done).toBe(true)
  })
})
