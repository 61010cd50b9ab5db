import { describe, expect, test } from 'vitest'
import { failureOf } from '../src/conformance/trial.ts'
import { deadline } from '../src/deadline.ts'
import { StoreError } from '../src/errors.ts'
import { MemoryStore } from '../src/memory.ts'
import type { CallOptions, ObjectStore, StoredObject } from '../src/object-store.ts'
import { retrying } from '../src/retrying.ts'
import { countedSignal } from './counted-signal.ts'
import { HandTimers } from './hand-timers.ts'

const BODY = new Uint8Array(3)

/** A store whose calls neither end nor listen, and the signals that they got. */
function silentStore(): { store: ObjectStore; signals: (AbortSignal | undefined)[]; answer: (error?: Error) => void } {
  const signals: (AbortSignal | undefined)[] = []
  const waiting: ((error?: Error) => void)[] = []
  const silent = (options: CallOptions | undefined): Promise<never> => {
    signals.push(options?.signal)
    return new Promise((resolve, reject) => {
      waiting.push((error) => (error === undefined ? resolve(undefined as never) : reject(error)))
    })
  }
  const store: ObjectStore = {
    capabilities: new MemoryStore().capabilities,
    get: (_, options) => silent(options),
    head: (_, options) => silent(options),
    put: (_, __, options) => silent(options),
    create: (_, __, options) => silent(options),
    compareAndSwap: (_, __, options) => silent(options),
    delete: (_, options) => silent(options),
    deleteMany: (_, options) => silent(options),
    list: (options) => silent(options),
  }
  return { store, signals, answer: (error) => waiting.forEach((settle) => settle(error)) }
}

type Call = (store: ObjectStore, options?: CallOptions) => Promise<unknown>
const READS: Record<string, Call> = {
  get: (store, options) => store.get('k', options),
  head: (store, options) => store.head('k', options),
  list: (store, options) => store.list({ prefix: 'k', ...options }),
}
const WRITES: Record<string, Call> = {
  put: (store, options) => store.put('k', BODY, options),
  create: (store, options) => store.create('k', BODY, options),
  compareAndSwap: (store, options) => store.compareAndSwap('k', BODY, { etag: 'e', ...options }),
  delete: (store, options) => store.delete('k', options),
  'conditional delete': (store, options) => store.delete('k', { etag: 'e', ...options }),
  deleteMany: (store, options) => store.deleteMany(['k'], options),
}

describe.each(Object.entries({ ...READS, ...WRITES }))('%s', (name, call) => {
  const expected = name in READS ? { kind: 'unavailable' } : { kind: 'unknown', code: 'STORE_OUTCOME_UNKNOWN' }

  test('that never answers is given up at the deadline, not before, and told so', async () => {
    const timers = new HandTimers()
    const silent = silentStore()
    let failure: unknown
    const over = failureOf(call(deadline(silent.store, { ms: 100, timers }))).then((error) => (failure = error))
    await timers.move(99)
    expect(failure).toBeUndefined()
    expect(silent.signals[0]?.aborted).toBe(false)
    await timers.move(1)
    await over
    expect(failure).toBeInstanceOf(StoreError)
    expect(failure).toMatchObject(expected)
    expect(silent.signals[0]?.aborted).toBe(true)
    // What comes too late is nobody's: no unhandled rejection, no second answer.
    silent.answer(new Error('late'))
    await timers.move(1)
    expect(timers.count).toBe(0)
  })

  test("passes the caller's signal on with its reason", async () => {
    const silent = silentStore()
    const timers = new HandTimers()
    const controller = new AbortController()
    const over = failureOf(call(deadline(silent.store, { ms: 100, timers }), { signal: controller.signal }))
    controller.abort('enough')
    expect(silent.signals[0]?.reason).toBe('enough')
    silent.answer(new StoreError('STORE_ABORTED', 'stopped'))
    expect(await over).toMatchObject({ kind: 'aborted' })
    expect(timers.count).toBe(0)
  })
})

test('a store that reports being stopped does not turn a deadline into an abort', async () => {
  class Listens extends MemoryStore {
    override get(_: string, options?: CallOptions): Promise<StoredObject | undefined> {
      return new Promise((_resolve, reject) => {
        options?.signal?.addEventListener('abort', () => reject(new StoreError('STORE_ABORTED', 'stopped')))
      })
    }
  }
  const timers = new HandTimers()
  const over = failureOf(deadline(new Listens(), { ms: 5, timers }).get('k'))
  await timers.move(5)
  expect(await over).toMatchObject({ kind: 'unavailable' })
})

test('leaves neither timers nor listeners behind when calls end in time', async () => {
  const timers = new HandTimers()
  const store = deadline(new MemoryStore(), { ms: 100, timers })
  const { signal, count } = countedSignal()
  await store.put('k', BODY, { signal })
  expect(await store.get('k', { signal })).toMatchObject({ size: 3 })
  await expect(store.create('k', BODY, { signal })).rejects.toMatchObject({ code: 'STORE_EXISTS' })
  await expect(store.get('', { signal })).rejects.toMatchObject({ code: 'STORE_KEY' })
  expect([timers.count, count()]).toEqual([0, 0])
})

test('each attempt of a retrying store around it has the time', async () => {
  const timers = new HandTimers()
  const silent = silentStore()
  const inner = deadline(silent.store, { ms: 100, timers })
  const over = failureOf(retrying(inner, { attemptsMax: 3, delay: async () => undefined }).get('k'))
  await timers.move(300)
  expect(await over).toMatchObject({ kind: 'unavailable' })
  expect(silent.signals.length).toBe(3)
})

test.each([0, -1, 1.5, Number.NaN, 2 ** 31])('a deadline of %d ms is refused', (ms) => {
  expect(() => deadline(new MemoryStore(), { ms })).toThrow(expect.objectContaining({ code: 'STORE_ARGUMENT' }))
})

test.each([1, 2 ** 31 - 1])('a deadline of %d ms is taken', async (ms) => {
  expect(await deadline(new MemoryStore(), { ms, timers: new HandTimers() }).head('k')).toBeUndefined()
})
