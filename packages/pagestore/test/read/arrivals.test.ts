import { describe, expect, test } from 'vitest'
import { inOrderOfArrival, type Task } from '../../src/read/arrivals.ts'

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

const BOUNDLESS = { inFlightMax: 10, bytesMax: 1000 }

/** A task of one byte. */
const task = <T>(start: () => readonly Promise<T>[], bytes = 1): Task<T> => ({ bytes, start })

describe('inOrderOfArrival', () => {
  test('gives results as they arrive, not as they were asked for', async () => {
    const [a, b, c] = [deferred<string>(), deferred<string>(), deferred<string>()]
    const results = inOrderOfArrival([task(() => [a.promise, b.promise]), task(() => [c.promise])], BOUNDLESS)
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
    const counting = task(() => {
      most = Math.max(most, ++running)
      return [Promise.resolve().then(() => running--)]
    })
    const tasks = Array.from({ length: 20 }, () => counting)
    for await (const _ of inOrderOfArrival(tasks, { inFlightMax: 3, bytesMax: 1000 }));
    expect(most).toBe(3)
  })

  test('starts nothing more while the consumer holds as much as there is room for', async () => {
    let started = 0
    const two = task(() => {
      started += 1
      return [Promise.resolve(started), Promise.resolve(started)]
    }, 10)
    const results = inOrderOfArrival(
      Array.from({ length: 20 }, () => two),
      { inFlightMax: 10, bytesMax: 35 },
    )
    await results.next()
    await settle()
    expect(started).toBe(3)
    // One of two results taken: its task still holds what it takes.
    await results.next()
    await settle()
    expect(started).toBe(3)
    await results.next()
    await settle()
    expect(started).toBe(4)
    let count = 3
    for await (const _ of results) count += 1
    expect(count).toBe(40)
  })

  test('exactly as much as there is room for is started, and what never fits goes alone', async () => {
    const started: number[] = []
    const of = (bytes: number) => task(() => (started.push(bytes), [Promise.resolve(bytes)]), bytes)
    const results = inOrderOfArrival([of(10), of(10), of(50), of(1)], { inFlightMax: 10, bytesMax: 20 })
    await results.next()
    expect(started).toEqual([10, 10])
    await results.next()
    expect(started).toEqual([10, 10])
    await results.next()
    expect(started).toEqual([10, 10, 50])
    expect((await results.next()).value).toBe(1)
    expect((await results.next()).done).toBe(true)
  })

  test('the first failure ends it at once, and later ones do not go unhandled', async () => {
    const [a, b, c] = [deferred<string>(), deferred<string>(), deferred<string>()]
    const results = inOrderOfArrival([task(() => [a.promise, b.promise, c.promise])], BOUNDLESS)
    const next = results.next()
    b.reject(new Error('b'))
    await expect(next).rejects.toThrow('b')
    c.reject(new Error('c'))
    a.resolve('a')
    await settle()
    expect((await results.next()).done).toBe(true)
  })

  test('no task, and tasks without results', async () => {
    expect((await inOrderOfArrival([], BOUNDLESS).next()).done).toBe(true)
    const empty = task<never>(() => [], 1000)
    expect((await inOrderOfArrival([empty, empty], BOUNDLESS).next()).done).toBe(true)
  })
})
