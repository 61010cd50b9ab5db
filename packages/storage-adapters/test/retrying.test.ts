import { describe, expect, test } from 'vitest'
import { StoreError, type StoreErrorCode } from '../src/errors.ts'
import { MemoryStore } from '../src/memory.ts'
import type { ObjectStore, WriteResult } from '../src/object-store.ts'
import { retrying } from '../src/retrying.ts'

const BODY = new Uint8Array(3)

interface Script {
  /** What happens to the calls, one after the other; after that they pass. `+`: the call has its effect first. */
  readonly faults: (StoreErrorCode | `+${StoreErrorCode}`)[]
  readonly retryAfterMs?: number
}

/** A memory store whose calls fail as the script says. */
function scripted(script: Script): { store: MemoryStore; calls: string[] } {
  const calls: string[] = []
  const faults = [...script.faults]
  const store = new Proxy(new MemoryStore(), {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function' || name === 'constructor') return value
      return async (...args: unknown[]): Promise<unknown> => {
        calls.push(String(name))
        const fault = faults.shift()
        const run = (): unknown => (value as (...args: unknown[]) => unknown).apply(target, args)
        if (fault === undefined) return run()
        if (fault.startsWith('+')) await run()
        throw new StoreError(fault.replace('+', '') as StoreErrorCode, 'made up', { retryAfterMs: script.retryAfterMs })
      }
    },
  })
  return { store, calls }
}

function setUp(script: Script, attemptsMax = 4): { store: ObjectStore; calls: string[]; delays: number[] } {
  const { store, calls } = scripted(script)
  const delays: number[] = []
  const delay = async (ms: number): Promise<void> => void delays.push(ms)
  return { store: retrying(store, { attemptsMax, delay, random: () => 1, delayMsFirst: 10, delayMsMax: 30 }), calls, delays }
}

type Call = (store: ObjectStore) => Promise<unknown>
const REPEATABLE: Record<string, Call> = {
  get: (store) => store.get('k'),
  head: (store) => store.head('k'),
  put: (store) => store.put('k', BODY),
  delete: (store) => store.delete('k'),
  deleteMany: (store) => store.deleteMany(['k']),
  list: (store) => store.list({ prefix: '' }),
}
const CONDITIONAL: Record<string, Call> = {
  create: (store) => store.create('k', BODY),
  compareAndSwap: (store) => store.compareAndSwap('k', BODY, { etag: 'e' }),
  'conditional delete': (store) => store.delete('k', { etag: 'e' }),
}

describe.each(Object.entries({ ...REPEATABLE, ...CONDITIONAL }))('%s', (_, call) => {
  test('is repeated while nothing was written, ever later', async () => {
    const { store, calls, delays } = setUp({ faults: ['STORE_UNAVAILABLE', 'STORE_THROTTLED', 'STORE_UNAVAILABLE'] })
    await call(store).catch((error: StoreError) => expect(error.kind).toBe('conflict'))
    expect(calls.length).toBe(4)
    expect(delays).toEqual([10, 20, 30])
  })

  test('fails with the last error after the last attempt', async () => {
    const { store, calls } = setUp({ faults: Array.from({ length: 9 }, () => 'STORE_UNAVAILABLE' as const) })
    await expect(call(store)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(calls.length).toBe(4)
  })

  test.each<StoreErrorCode>(['STORE_KEY', 'STORE_DENIED', 'STORE_FULL', 'STORE_CORRUPT', 'STORE_CHANGED', 'STORE_CLOSED'])(
    'is not repeated after %s',
    async (code) => {
      const { store, calls } = setUp({ faults: [code] })
      await expect(call(store)).rejects.toMatchObject({ code })
      expect(calls.length).toBe(1)
    },
  )

  test('waits as long as the store asks, or not at all', async () => {
    const { store, delays } = setUp({ faults: ['STORE_THROTTLED'], retryAfterMs: 25 })
    await call(store).catch(() => undefined)
    expect(delays).toEqual([25])
    const impatient = setUp({ faults: ['STORE_THROTTLED'], retryAfterMs: 31 })
    await expect(call(impatient.store)).rejects.toMatchObject({ code: 'STORE_THROTTLED', retryAfterMs: 31 })
    expect(impatient.delays).toEqual([])
  })
})

test.each(Object.entries(REPEATABLE))('%s is repeated after an unknown outcome', async (_, call) => {
  const { store, calls } = setUp({ faults: ['STORE_OUTCOME_UNKNOWN'] })
  await call(store)
  expect(calls.length).toBe(2)
})

test.each(Object.entries(CONDITIONAL))('%s is not repeated after an unknown outcome', async (_, call) => {
  const { store, calls } = setUp({ faults: ['STORE_OUTCOME_UNKNOWN'] })
  await expect(call(store)).rejects.toMatchObject({ kind: 'unknown' })
  expect(calls.length).toBe(1)
})

test('I6: a create whose reply was lost is unknown, and not a conflict with itself', async () => {
  const { store, calls } = setUp({ faults: ['STORE_UNAVAILABLE', '+STORE_OUTCOME_UNKNOWN'] })
  await expect(store.create('k', BODY)).rejects.toMatchObject({ kind: 'unknown' })
  expect(calls).toEqual(['create', 'create'])
  expect((await store.get('k'))?.bytes).toEqual(BODY)
})

test.each(['STORE_DENIED', 'STORE_UNAVAILABLE'] as const)(
  'a put that may have happened stays unknown, though the last attempt was %s',
  async (last) => {
    const { store } = setUp({ faults: ['+STORE_OUTCOME_UNKNOWN', last, last, last] })
    await expect(store.put('k', BODY)).rejects.toMatchObject({ kind: 'unknown', code: 'STORE_OUTCOME_UNKNOWN' })
  },
)

test('waits are cut by the random number', async () => {
  const { store } = scripted({ faults: ['STORE_UNAVAILABLE', 'STORE_UNAVAILABLE'] })
  const delays: number[] = []
  const numbers = [0.5, 0.25]
  const wrapped = retrying(store, {
    delay: async (ms) => void delays.push(ms),
    random: () => numbers.shift() ?? 0,
    delayMsFirst: 100,
  })
  await wrapped.get('k')
  expect(delays).toEqual([50, 50])
})

test('a signal ends the waiting', async () => {
  for (const [fault, kind] of [
    ['STORE_UNAVAILABLE', 'aborted'],
    ['STORE_OUTCOME_UNKNOWN', 'unknown'],
  ] as const) {
    const { store, calls } = scripted({ faults: [fault] })
    const controller = new AbortController()
    // The timer that is used by default; it would take an hour.
    const wrapped = retrying(store, { delayMsFirst: 3_600_000, delayMsMax: 3_600_000, random: () => 1 })
    const put = wrapped.put('k', BODY, { signal: controller.signal })
    await new Promise((resolve) => setImmediate(resolve))
    controller.abort()
    await expect(put).rejects.toMatchObject({ kind })
    expect(calls).toEqual(['put'])
  }
})

test('errors that are not of the store are not its business', async () => {
  class Broken extends MemoryStore {
    override put(): Promise<WriteResult> {
      return Promise.reject(new TypeError('a bug'))
    }
  }
  await expect(retrying(new Broken()).put('k', BODY)).rejects.toThrow('a bug')
})

test.each([
  { attemptsMax: Number.NaN },
  { attemptsMax: 0 },
  { attemptsMax: 1.5 },
  { delayMsFirst: -1 },
  { delayMsFirst: Number.NaN },
  { delayMsMax: Number.NaN },
  { delayMsMax: 2 ** 31 },
])('options that would repeat for ever, or without a wait, are refused: %o', (options) => {
  expect(() => retrying(new MemoryStore(), options)).toThrow(expect.objectContaining({ code: 'STORE_ARGUMENT' }))
})

test.each([{ attemptsMax: 1 }, { attemptsMax: Number.POSITIVE_INFINITY }, { delayMsFirst: 0, delayMsMax: 0 }])(
  'the ends of the ranges are taken: %o',
  async (options) => {
    await expect(retrying(new MemoryStore(), options).get('k')).resolves.toBeUndefined()
  },
)
