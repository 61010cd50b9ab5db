import { getEventListeners } from 'node:events'
import { describe, expect, test } from 'vitest'
import { failureOf } from '../src/conformance/trial.ts'
import { type LimitedOptions, limited } from '../src/limited.ts'
import { MemoryStore } from '../src/memory.ts'
import type { CallOptions, ObjectInfo } from '../src/object-store.ts'

/** A store whose `head` answers when a test says so; it notes which keys it was asked for, in order. */
class HeldStore extends MemoryStore {
  readonly asked: string[] = []
  readonly #held = new Map<string, PromiseWithResolvers<void>>()

  override async head(key: string, options?: CallOptions): Promise<ObjectInfo | undefined> {
    this.asked.push(key)
    const held = Promise.withResolvers<void>()
    this.#held.set(key, held)
    await held.promise
    return super.head(key, options)
  }

  async answer(key: string, error?: Error): Promise<void> {
    const held = this.#held.get(key) as PromiseWithResolvers<void>
    if (error === undefined) held.resolve()
    else held.reject(error)
    await settle()
  }
}

function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

const BODY = Uint8Array.of(1)

describe('limited', () => {
  test('lets so many calls be under way; the others go in the order in which they were made, whatever became of those before', async () => {
    const held = new HeldStore()
    const store = limited(held, { inFlightMax: 2 })
    const calls = ['a', 'b', 'c', 'd', 'e'].map((key) => store.head(key).catch((error: Error) => error.message))
    await settle()
    expect([held.asked, store.inFlight, store.waiting]).toEqual([['a', 'b'], 2, 3])
    await held.answer('b')
    expect([held.asked, store.inFlight, store.waiting]).toEqual([['a', 'b', 'c'], 2, 2])
    await held.answer('c', new Error('broken'))
    expect(held.asked).toEqual(['a', 'b', 'c', 'd'])
    await held.answer('a')
    await held.answer('d')
    await held.answer('e')
    expect(await Promise.all(calls)).toEqual([undefined, undefined, 'broken', undefined, undefined])
    expect([store.inFlight, store.waiting]).toEqual([0, 0])
  })

  test('nobody who comes between a call and the next one in line takes its turn', async () => {
    const held = new HeldStore()
    const store = limited(held, { inFlightMax: 1 })
    const first = store.head('a')
    const second = store.head('b')
    const third = first.then(() => store.head('c'))
    await settle()
    await held.answer('a')
    expect(held.asked).toEqual(['a', 'b'])
    await held.answer('b')
    await held.answer('c')
    await Promise.all([second, third])
    expect(store.inFlight).toBe(0)
  })

  test('every kind of call takes a turn', async () => {
    const held = new HeldStore()
    const store = limited(held, { inFlightMax: 1 })
    const { etag } = await store.put('k', BODY)
    const blocking = store.head('x')
    const calls = [
      store.get('k'),
      store.put('l', BODY),
      store.create('m', BODY),
      store.compareAndSwap('k', BODY, { etag }),
      store.delete('l'),
      store.deleteMany(['m']),
      store.list({ prefix: '' }),
    ]
    await settle()
    expect([store.inFlight, store.waiting]).toEqual([1, calls.length])
    await held.answer('x')
    await Promise.all([blocking, ...calls])
    expect([store.inFlight, store.waiting]).toEqual([0, 0])
  })

  test('a call that is aborted while it waits is never made, and lets those behind it go', async () => {
    const held = new HeldStore()
    const store = limited(held, { inFlightMax: 1 })
    const first = store.head('a')
    const abort = new AbortController()
    const left = failureOf(store.head('b', { signal: abort.signal }))
    const last = store.head('c', { signal: abort.signal })
    const other = failureOf(last)
    const after = store.head('d')
    await settle()
    abort.abort('enough')
    expect(await left).toMatchObject({ kind: 'aborted', code: 'STORE_ABORTED', cause: 'enough' })
    expect(await other).toMatchObject({ code: 'STORE_ABORTED' })
    expect([store.waiting, getEventListeners(abort.signal, 'abort').length]).toEqual([1, 0])
    await held.answer('a')
    await held.answer('d')
    await Promise.all([first, after])
    expect(held.asked).toEqual(['a', 'd'])
  })

  test('a call that is aborted before it is made takes no turn', async () => {
    const held = new HeldStore()
    const store = limited(held, { inFlightMax: 1 })
    expect(await failureOf(store.head('a', { signal: AbortSignal.abort('x') }))).toMatchObject({ code: 'STORE_ABORTED' })
    expect([held.asked, store.inFlight]).toEqual([[], 0])
  })

  test('a call that has had its turn leaves no listener on the signal of its caller', async () => {
    const held = new HeldStore()
    const store = limited(held, { inFlightMax: 1 })
    const { signal } = new AbortController()
    const calls = [store.head('a', { signal }), store.head('b', { signal })]
    await settle()
    expect(getEventListeners(signal, 'abort').length).toBe(1)
    await held.answer('a')
    await held.answer('b')
    await Promise.all(calls)
    expect(getEventListeners(signal, 'abort').length).toBe(0)
  })

  test('as many wait as may, one more is told to come back, and nobody else suffers', async () => {
    const held = new HeldStore()
    const store = limited(held, { inFlightMax: 1, waitingMax: 1 })
    const calls = [store.head('a'), store.head('b')]
    await settle()
    expect(await failureOf(store.head('c'))).toMatchObject({ kind: 'exhausted', code: 'STORE_THROTTLED', retryAfterMs: 100 })
    await held.answer('a')
    const next = store.head('d')
    await held.answer('b')
    await held.answer('d')
    await Promise.all([...calls, next])
    expect(held.asked).toEqual(['a', 'b', 'd'])
  })

  test('without room to wait, what has no turn is refused', async () => {
    const held = new HeldStore()
    const store = limited(held, { inFlightMax: 1, waitingMax: 0 })
    const first = store.head('a')
    await settle()
    expect(await failureOf(store.head('b'))).toMatchObject({ code: 'STORE_THROTTLED' })
    await held.answer('a')
    await first
  })

  test('stores that share a bound wait for each other', async () => {
    const [one, two] = [new HeldStore(), new HeldStore()]
    const segments = limited(one, { inFlightMax: 2 })
    const commits = limited(two, { sharedWith: segments })
    const calls = [segments.head('a'), commits.head('b'), commits.head('c'), segments.head('d')]
    await settle()
    expect([one.asked, two.asked, segments.inFlight, commits.waiting]).toEqual([['a'], ['b'], 2, 2])
    await one.answer('a')
    expect([one.asked, two.asked]).toEqual([['a'], ['b', 'c']])
    await two.answer('b')
    expect(one.asked).toEqual(['a', 'd'])
    await two.answer('c')
    await one.answer('d')
    await Promise.all(calls)
    expect([segments.inFlight, commits.inFlight]).toEqual([0, 0])
  })

  test.each<LimitedOptions>([
    { inFlightMax: 0 },
    { inFlightMax: 1.5 },
    { inFlightMax: Number.NaN },
    { inFlightMax: 1, waitingMax: -1 },
    { inFlightMax: 1, waitingMax: Number.NaN },
    { sharedWith: new MemoryStore() as never },
  ])('%j is refused', (options) => {
    expect(() => limited(new MemoryStore(), options)).toThrow(expect.objectContaining({ code: 'STORE_ARGUMENT' }))
  })
})
