import { describe, expect, test } from 'vitest'
import { outcomeOf } from '../../src/conformance/trial.ts'
import { MemoryStore } from '../../src/memory.ts'
import type { ObjectStore } from '../../src/object-store.ts'
import { FAULT_CLASSES, type FaultClass, type FaultyStore, faulty, seededRandom } from '../../src/testing.ts'
import { HandTimers, hastyTimers } from '../hand-timers.ts'

const BODY = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)

function always(fault: FaultClass, inner = new MemoryStore(), timers = hastyTimers): { store: FaultyStore; inner: MemoryStore } {
  return { store: faulty(inner, { seed: 1, rates: { [fault]: 1 }, timers }), inner }
}

/** What 200 calls of each kind of a seeded store came to, and which faults they met. */
async function history(
  seed: number,
  rates: Partial<Record<FaultClass, number>>,
): Promise<{ events: string[]; store: FaultyStore }> {
  const store = faulty(new MemoryStore(), { seed, rates, timers: hastyTimers })
  const events: string[] = []
  const note = async (call: Promise<unknown>): Promise<void> => void events.push(await outcomeOf(call))
  for (let turn = 0; turn < 200; turn++) {
    const key = `k/${turn % 20}`
    await note(store.put(key, BODY))
    await note(store.create(key, BODY))
    await note(store.get(key))
    await note(store.list({ prefix: '' }))
    await note(store.delete(key))
    events.push(JSON.stringify(store.faults))
  }
  return { events, store }
}

test('a seed decides everything, and another seed decides otherwise', async () => {
  const rates = Object.fromEntries(FAULT_CLASSES.map((name) => [name, 0.1]))
  const [first, again, other] = [await history(7, rates), await history(7, rates), await history(8, rates)]
  expect(again.events).toEqual(first.events)
  expect(other.events).not.toEqual(first.events)
  // Every kind of fault happened, about as often as asked for.
  for (const [name, count] of Object.entries(first.store.faults)) {
    const possible = name === 'truncate' || name === 'flipBit' ? 200 : name === 'loseRequest' || name === 'landLate' ? 600 : 1000
    expect(count / possible, name).toBeGreaterThan(0.05)
    expect(count / possible, name).toBeLessThan(0.15)
  }
})

test('without rates nothing happens', async () => {
  const { store } = await history(1, {})
  expect(Object.values(store.faults)).toEqual(FAULT_CLASSES.map(() => 0))
})

describe('each fault does what its name says', () => {
  test('failBefore: nothing was done', async () => {
    const { store, inner } = always('failBefore')
    await expect(store.put('k', BODY)).rejects.toMatchObject({ kind: 'unavailable' })
    await expect(store.get('k')).rejects.toMatchObject({ kind: 'unavailable' })
    expect(await inner.head('k')).toBeUndefined()
    expect(store.faults.failBefore).toBe(2)
  })

  test('throttle: nothing was done, and a time to wait', async () => {
    const { store, inner } = always('throttle')
    await expect(store.put('k', BODY)).rejects.toMatchObject({
      code: 'STORE_THROTTLED',
      retryAfterMs: expect.any(Number) as number,
    })
    expect(await inner.head('k')).toBeUndefined()
  })

  test('failAfter: a write is done, and nobody is told', async () => {
    const { store, inner } = always('failAfter')
    await expect(store.create('k', BODY)).rejects.toMatchObject({ kind: 'unknown' })
    expect((await inner.get('k'))?.bytes).toEqual(BODY)
    await expect(store.get('k')).rejects.toMatchObject({ kind: 'unavailable' })
    // A refusal is no effect, and its reply is not the one that gets lost.
    await expect(store.create('k', BODY)).rejects.toMatchObject({ code: 'STORE_EXISTS' })
  })

  test('loseRequest: a write is not done, and nobody knows; reads are spared', async () => {
    const { store, inner } = always('loseRequest')
    await expect(store.put('k', BODY)).rejects.toMatchObject({ kind: 'unknown' })
    expect(await inner.head('k')).toBeUndefined()
    expect(await store.get('k')).toBeUndefined()
  })

  test('landLate: a write is done after its caller was told that it may be', async () => {
    const timers = new HandTimers()
    const { store, inner } = always('landLate', new MemoryStore(), timers)
    await expect(store.create('k', BODY)).rejects.toMatchObject({ kind: 'unknown' })
    await expect(store.create('k', BODY.slice(1))).rejects.toMatchObject({ kind: 'unknown' })
    expect(await inner.head('k')).toBeUndefined()
    let isSettled = false
    const settled = store.settled().then(() => (isSettled = true))
    await timers.move(0)
    expect(isSettled).toBe(false)
    await timers.move(1000)
    await settled
    // One of them won, the other one's conflict was for nobody.
    expect([7, 8]).toContain((await inner.head('k'))?.size)
  })

  test('delay: waits before or after the effect', async () => {
    const timers = new HandTimers()
    const { store, inner } = always('delay', new MemoryStore(), timers)
    const effects = new Set<boolean>()
    for (let turn = 0; turn < 20; turn++) {
      const call = store.put(`k/${turn}`, BODY)
      await timers.move(0)
      effects.add((await inner.head(`k/${turn}`)) !== undefined)
      await timers.move(1000)
      await call
    }
    expect(effects).toEqual(new Set([true, false]))
    expect(timers.count).toBe(0)
  })

  test('truncate: fewer bytes, and the store does not say so', async () => {
    const { store, inner } = always('truncate')
    await inner.put('k', BODY)
    for (let turn = 0; turn < 50; turn++) {
      const found = await store.get('k')
      expect(found?.size).toBe(8)
      expect(found?.bytes.byteLength).toBeLessThan(8)
      expect(found?.bytes).toEqual(BODY.slice(0, found?.bytes.byteLength))
    }
    expect(await store.get('absent')).toBeUndefined()
  })

  test('flipBit: one bit differs, and not in the store', async () => {
    const { store, inner } = always('flipBit')
    await inner.put('k', BODY)
    const seen = new Set<number>()
    for (let turn = 0; turn < 200; turn++) {
      const bytes = (await store.get('k'))?.bytes ?? BODY
      const differing = BODY.map((byte, index) => byte ^ (bytes[index] ?? 0))
      const bits = [...differing].flatMap((byte, index) =>
        [0, 1, 2, 3, 4, 5, 6, 7].flatMap((bit) => ((byte >> bit) & 1 ? [index * 8 + bit] : [])),
      )
      expect(bits.length).toBe(1)
      seen.add(bits[0] ?? -1)
    }
    expect(seen.size).toBeGreaterThan(40)
    expect((await inner.get('k'))?.bytes).toEqual(BODY)
  })

  test('repeat: a conditional write meets its own effect', async () => {
    const { store, inner } = always('repeat')
    await expect(store.create('k', BODY)).rejects.toMatchObject({ code: 'STORE_EXISTS' })
    expect((await inner.get('k'))?.bytes).toEqual(BODY)
    const { etag } = await store.put('k', BODY)
    expect((await inner.head('k'))?.etag).toBe(etag)
    await expect(store.compareAndSwap('k', BODY, { etag })).rejects.toMatchObject({ code: 'STORE_CHANGED' })
  })
})

test('a filter spares calls, and healing ends the faults without moving those that follow', async () => {
  const rates = { failBefore: 0.5 }
  const outcomes = async (store: ObjectStore, isHealing: boolean): Promise<string[]> => {
    const seen: string[] = []
    for (let turn = 0; turn < 60; turn++) {
      if (isHealing) (store as FaultyStore).heal(turn >= 20 && turn < 40)
      seen.push(await outcomeOf(store.head('k')))
    }
    return seen
  }
  const plain = await outcomes(faulty(new MemoryStore(), { seed: 3, rates, timers: hastyTimers }), false)
  const healed = await outcomes(faulty(new MemoryStore(), { seed: 3, rates, timers: hastyTimers }), true)
  expect(healed.slice(20, 40)).toEqual(Array.from({ length: 20 }, () => 'done'))
  expect([...healed.slice(0, 20), ...healed.slice(40)]).toEqual([...plain.slice(0, 20), ...plain.slice(40)])
  expect(plain.slice(20, 40)).toContain('unavailable')
  const filter = ({ isWrite }: { readonly isWrite: boolean }): boolean => isWrite
  const store = faulty(new MemoryStore(), { seed: 3, rates: { failBefore: 1 }, timers: hastyTimers, filter })
  expect(await store.head('k')).toBeUndefined()
  await expect(store.put('k', BODY)).rejects.toMatchObject({ kind: 'unavailable' })
})

test.each([{ failBefore: -0.1 }, { failAfter: 1.1 }, { delay: Number.NaN }, { failBefore: 0.6, failAfter: 0.6 }])(
  'rates that make no sense are refused: %o',
  (rates) => {
    const open = (): FaultyStore => faulty(new MemoryStore(), { seed: 1, rates, timers: hastyTimers })
    expect(open).toThrow(expect.objectContaining({ code: 'STORE_ARGUMENT' }))
  },
)

test('rates may add up to 1, delays beside them', () => {
  const rates = { ...Object.fromEntries(FAULT_CLASSES.map((name) => [name, 1 / 8])), delay: 1 }
  expect(() => faulty(new MemoryStore(), { seed: 1, rates, timers: hastyTimers })).not.toThrow()
})

test('seeded numbers are the same everywhere, from 0 up to 1', () => {
  const random = seededRandom(42)
  expect([random(), random(), random()]).toMatchInlineSnapshot(`
    [
      0.6011037519201636,
      0.44829055899754167,
      0.8524657934904099,
    ]
  `)
  const many = Array.from({ length: 10_000 }, random)
  expect(Math.min(...many)).toBeGreaterThanOrEqual(0)
  expect(Math.max(...many)).toBeLessThan(1)
  expect(many.reduce((sum, value) => sum + value, 0) / many.length).toBeCloseTo(0.5, 1)
})
