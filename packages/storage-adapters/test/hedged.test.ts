import { getEventListeners } from 'node:events'
import { expect, onTestFinished, test, vi } from 'vitest'
import { failureOf } from '../src/conformance/trial.ts'
import { throwIfAborted } from '../src/errors.ts'
import { type HedgedClock, type HedgedStore, hedged } from '../src/hedged.ts'
import { MemoryStore } from '../src/memory.ts'
import type { GetOptions, ObjectInfo, StoredObject } from '../src/object-store.ts'
import { HandTimers } from './hand-timers.ts'

/** A clock that stands still until it is moved; whoever waits goes on in the order of the times. */
class HandClock extends HandTimers implements HedgedClock {
  delay(ms: number): Promise<void> {
    return new Promise((go) => this.start(go, ms))
  }
}

/** A store whose reads take as long as the list says, and after it 10 ms; negative: they fail after that time. */
class SlowStore extends MemoryStore {
  readonly latencies: number[] = []
  readonly aborted: number[] = []
  calls = 0
  readonly #clock: HedgedClock

  constructor(clock: HedgedClock) {
    super()
    this.#clock = clock
  }

  override async get(key: string, options?: GetOptions): Promise<StoredObject | undefined> {
    await this.#take(options)
    return super.get(key)
  }

  override async head(key: string, options?: GetOptions): Promise<ObjectInfo | undefined> {
    await this.#take(options)
    return super.head(key)
  }

  async #take(options: GetOptions | undefined): Promise<void> {
    const call = ++this.calls
    const latencyMs = this.latencies.shift() ?? 10
    options?.signal?.addEventListener('abort', () => this.aborted.push(call))
    await this.#clock.delay(Math.abs(latencyMs), new AbortController().signal)
    throwIfAborted(options?.signal)
    if (latencyMs < 0) throw new Error(`call ${call} failed`)
  }
}

interface SetUp {
  readonly clock: HandClock
  readonly slow: SlowStore
  readonly store: HedgedStore
}

/** A hedged store that has seen enough reads of 10 ms. */
async function warmStore(budget: number): Promise<SetUp> {
  const clock = new HandClock()
  const slow = new SlowStore(clock)
  await slow.put('k', Uint8Array.of(7))
  const store = hedged(slow, { budget, clock })
  for (let i = 0; i < 20; i++) await Promise.all([store.get('k'), clock.move(10)])
  slow.calls = 0
  return { clock, slow, store }
}

test('a read that takes longer than most is sent again, and the faster answer counts', async () => {
  const { clock, slow, store } = await warmStore(0.1)
  slow.latencies.push(1000, 5)
  let found: StoredObject | undefined
  const read = store.get('k').then((result) => (found = result))
  await clock.move(9)
  expect(slow.calls).toBe(1)
  await clock.move(1)
  expect(slow.calls).toBe(2)
  await clock.move(5)
  await read
  expect(found?.bytes).toEqual(Uint8Array.of(7))
  expect(slow.aborted).toEqual([1, 2])
  expect(store.hedges).toEqual({ reads: 21, sent: 1, won: 1 })
})

test('the first answer may still be the faster one', async () => {
  const { clock, slow, store } = await warmStore(0.1)
  slow.latencies.push(12, 500)
  const read = store.get('k')
  await clock.move(12)
  expect((await read)?.bytes).toEqual(Uint8Array.of(7))
  await clock.move(1000)
  expect(store.hedges).toMatchObject({ sent: 1, won: 0 })
})

test('extra requests stay within the budget', async () => {
  const { clock, slow, store } = await warmStore(0.1)
  // 20 reads have saved up two extra requests; each further read adds a tenth of one.
  for (let i = 0; i < 30; i++) {
    slow.latencies.push(100, 100)
    const read = store.get('k')
    await clock.move(200)
    await read
    slow.latencies.length = 0
  }
  expect(store.hedges.sent).toBeLessThanOrEqual(5)
  expect(store.hedges.sent).toBeGreaterThan(1)
})

test('what is saved up is bounded', async () => {
  const { clock, slow, store } = await warmStore(1)
  // All at once, so that none adds to what counts as slow before the last is sent.
  slow.latencies.push(...Array.from({ length: 60 }, () => 100))
  const reads = Promise.all(Array.from({ length: 30 }, () => store.get('k')))
  await clock.move(500)
  await reads
  expect(store.hedges.sent).toBe(10)
})

test('reads of another kind have latencies of their own', async () => {
  const { clock, slow, store } = await warmStore(1)
  for (const read of [() => store.head('k'), () => store.get('k', { range: { offset: 0, length: 1 } })]) {
    slow.latencies.push(100)
    await Promise.all([read(), clock.move(200)])
  }
  expect(store.hedges.sent).toBe(0)
})

test('without a budget nothing is sent twice', async () => {
  const { clock, slow, store } = await warmStore(0)
  slow.latencies.push(1000)
  const read = store.get('k')
  await clock.move(1000)
  await read
  expect(slow.calls).toBe(1)
})

test('nothing is sent twice before the latencies are known', async () => {
  const clock = new HandClock()
  const slow = new SlowStore(clock)
  const store = hedged(slow, { budget: 1, clock })
  for (let i = 0; i < 19; i++) await Promise.all([store.get('k'), clock.move(10)])
  slow.latencies.push(1000)
  const read = store.get('k')
  await clock.move(1000)
  expect(await read).toBeUndefined()
  expect(slow.calls).toBe(20)
})

test('slow reads raise what counts as slow', async () => {
  const { clock, slow, store } = await warmStore(1)
  for (let i = 0; i < 100; i++) {
    slow.latencies.push(50, 50)
    const read = store.get('k')
    await clock.move(100)
    await read
    slow.latencies.length = 0
  }
  const before = store.hedges.sent
  expect(before).toBeLessThan(20)
  slow.latencies.push(50)
  const read = store.get('k')
  await clock.move(60)
  await read
  expect(store.hedges.sent).toBe(before)
})

test('a request that was stopped counts with the time that it had taken', async () => {
  const { clock, slow, store } = await warmStore(1)
  for (let i = 0; i < 40; i++) {
    slow.latencies.push(1000, 5)
    const read = store.get('k')
    await clock.move(2000)
    await read
    slow.latencies.length = 0
  }
  const before = store.hedges.sent
  slow.latencies.push(14)
  const read = store.get('k')
  await clock.move(2000)
  await read
  // Going by the winners alone, 10 ms would still be slow.
  expect(store.hedges.sent).toBe(before)
})

test('a failure of one request waits for the other', async () => {
  const { clock, slow, store } = await warmStore(0.1)
  slow.latencies.push(-20, 30)
  const read = store.get('k')
  await clock.move(50)
  expect((await read)?.bytes).toEqual(Uint8Array.of(7))
  slow.latencies.push(30, -5)
  const other = store.get('k')
  await clock.move(50)
  expect((await other)?.bytes).toEqual(Uint8Array.of(7))
})

test('if both fail, the first failure is told; one that fails at once is not repeated', async () => {
  const { clock, slow, store } = await warmStore(0.1)
  slow.latencies.push(-40, -5)
  const both = failureOf(store.get('k'))
  await clock.move(50)
  expect(await both).toMatchObject({ message: 'call 1 failed' })
  slow.latencies.push(-1)
  const once = failureOf(store.get('k'))
  await clock.move(50)
  expect(await once).toMatchObject({ message: 'call 3 failed' })
  expect(slow.calls).toBe(3)
})

test('the signal of the caller stops both requests', async () => {
  const { clock, slow, store } = await warmStore(0.1)
  slow.latencies.push(100, 100)
  const controller = new AbortController()
  const read = failureOf(store.get('k', { signal: controller.signal }))
  await clock.move(20)
  controller.abort()
  expect(slow.aborted).toEqual([1, 2])
  await clock.move(200)
  expect(await read).toMatchObject({ kind: 'aborted' })
})

test('a signal that outlives its reads holds nothing of them', async () => {
  const { clock, slow, store } = await warmStore(1)
  const { signal } = new AbortController()
  const derive = vi.spyOn(AbortSignal, 'any')
  onTestFinished(() => derive.mockRestore())
  for (const latencies of [[10], [50, 5], [-1, 5]]) {
    slow.latencies.push(...latencies)
    await Promise.all([failureOf(store.get('k', { signal })), clock.move(60)])
  }
  expect(store.hedges.sent).toBe(1)
  expect(getEventListeners(signal, 'abort')).toEqual([])
  expect(derive).not.toHaveBeenCalled()
})

test.each([
  [{ budget: Number.NaN }],
  [{ budget: -0.1 }],
  [{ budget: Number.POSITIVE_INFINITY }],
  [{ budget: undefined as unknown as number }],
  [{ budget: 0.1, percentile: 95 }],
  [{ budget: 0.1, percentile: -0.1 }],
  [{ budget: 0.1, percentile: Number.NaN }],
])('options that would hedge without a bound, or never, are refused: %o', (options) => {
  expect(() => hedged(new MemoryStore(), options)).toThrow(expect.objectContaining({ code: 'STORE_ARGUMENT' }))
})

test.each([0, 1])('a budget of %d is taken', (budget) => {
  expect(hedged(new MemoryStore(), { budget, percentile: budget }).hedges.sent).toBe(0)
})
