import { type ObjectStore, StoreError } from '@graft-ts/storage-adapters'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import { describe, expect, test } from 'vitest'
import { type LoadSize, planLoad } from '../load/plan.ts'
import { seeded } from '../load/random.ts'
import { type Fault, runLoad } from '../load/run-load.ts'
import { decodeVersion, encodeVersion } from '../load/version.ts'

const size: LoadSize = {
  writers: 6,
  created: 40,
  swapped: 3,
  swapsEach: 5,
  racers: 4,
  smallBytesMax: 2000,
  largeBytes: 50_000,
}

/** A store with other methods in place of some of its own. */
function altered(store: ObjectStore, methods: Partial<ObjectStore>): ObjectStore {
  return new Proxy(store, {
    get: (target, name: keyof ObjectStore) => {
      const value: unknown = methods[name] ?? target[name]
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

async function load(
  stores: readonly ObjectStore[],
  faults: readonly Fault[] = [],
): Promise<{ problems: string[]; said: string }> {
  const said: string[] = []
  let pauses = 0
  const problems = await runLoad({
    plan: planLoad(7, size),
    stores,
    faults,
    callSignal: () => new AbortController().signal,
    pause: async () => {
      if (++pauses > 10_000) throw new Error('the load does not come to an end')
    },
    progress: (text) => said.push(text),
  })
  return { problems, said: said.join('\n') }
}

describe('the load', () => {
  test('finds nothing wrong with a store that keeps the contract', async () => {
    const store = new MemoryStore()
    const { problems, said } = await load([store, store])
    expect(problems).toEqual([])
    // 43 objects, and 3 of them swapped 5 times by each of 4 writers.
    expect(said).toMatch(/^103 writes acknowledged, \d+ lost; 0 were unknown/)
  })

  test('resolves outcomes that are unknown, whether the write landed or not', async () => {
    const store = new MemoryStore()
    const random = seeded(3)
    const lossy = async <T>(write: () => Promise<T>): Promise<T> => {
      const fate = random(4)
      if (fate === 0) throw new StoreError('STORE_OUTCOME_UNKNOWN', 'lost before it was done')
      const result = await write()
      if (fate === 1) throw new StoreError('STORE_OUTCOME_UNKNOWN', 'lost after it was done')
      return result
    }
    const methods: Partial<ObjectStore> = {
      create: (...args) => lossy(() => store.create(...args)),
      compareAndSwap: (...args) => lossy(() => store.compareAndSwap(...args)),
    }
    const { problems, said } = await load([altered(store, methods)])
    expect(problems).toEqual([])
    expect(said).toMatch(/; [1-9]\d* were unknown for a while, [1-9]\d* of them had landed$/)
  })

  test('goes on through times when nothing works', async () => {
    const store = new MemoryStore()
    const random = seeded(4)
    const down = <T>(call: () => Promise<T>): Promise<T> =>
      random(3) === 0 ? Promise.reject(new StoreError('STORE_UNAVAILABLE', 'down')) : call()
    const methods: Partial<ObjectStore> = {
      create: (...args) => down(() => store.create(...args)),
      compareAndSwap: (...args) => down(() => store.compareAndSwap(...args)),
    }
    expect((await load([altered(store, methods)])).problems).toEqual([])
  })

  test('sees creators that all win', async () => {
    const store = new MemoryStore()
    const { problems } = await load([altered(store, { create: (key, body) => store.put(key, body) })])
    expect(problems).toContainEqual(
      expect.stringMatching(/^created\/\d+, version 1: won by \[\d+ \d+ \d+ \d+\], stored is that of \d+$/),
    )
  })

  test('sees swaps that do not look at the etag', async () => {
    const store = new MemoryStore()
    const { problems } = await load([altered(store, { compareAndSwap: (key, body) => store.put(key, body) })])
    expect(problems).toContainEqual(expect.stringMatching(/^swapped\/\d, version \d+: won by \[\d+ \d+/))
  })

  test('sees an acknowledged write that is lost', async () => {
    const store = new MemoryStore()
    const { problems } = await load([store], [{ name: 'loss', after: 0.9, run: () => store.delete('created/000000') }])
    expect(problems).toContainEqual(
      expect.stringMatching(/^created\/000000, version 1: won by \[\d\], stored is that of nobody$/),
    )
    expect(problems).toContainEqual('listed are 42 of 43 objects, missing: created/000000')
  })

  test('sees a read that is older than what was acknowledged', async () => {
    const store = new MemoryStore()
    const seen = new Set<string>()
    const late = altered(store, {
      get: async (key, options) => {
        if (!key.startsWith('created/') || seen.has(key)) return store.get(key, options)
        seen.add(key)
        return undefined
      },
    })
    const { problems } = await load([late])
    expect(problems).toContainEqual(expect.stringMatching(/^created\/\d+: version 1 was acknowledged, then 0 was read$/))
  })

  test('sees bytes that are not those of any version', async () => {
    const store = new MemoryStore()
    const get: ObjectStore['get'] = async (key, options) => {
      const found = await store.get(key, options)
      found?.bytes.fill(0, -1)
      return found
    }
    await expect(load([altered(store, { get })])).rejects.toThrow(/the bytes are not those of/)
  })

  test('a fault that fails ends the load', async () => {
    const broken = { name: 'broken', after: 0.5, run: () => Promise.reject(new Error('cannot be started again')) }
    await expect(load([new MemoryStore()], [broken])).rejects.toThrow('cannot be started again')
  })

  test('its plan follows from the seed', () => {
    expect(planLoad(7, size).steps).toEqual(planLoad(7, size).steps)
    expect(planLoad(8, size).steps).not.toEqual(planLoad(7, size).steps)
    const { keys, bytesOf } = planLoad(7, size)
    expect(keys.filter((key) => bytesOf(key, 1) === size.largeBytes)).toHaveLength(2)
  })
})

describe('a version', () => {
  test('is read back from its bytes, and from no others', () => {
    const version = { key: 'a', writers: [1, 2, 1] }
    expect(decodeVersion(encodeVersion(version, 5000))).toEqual(version)
    expect(encodeVersion(version, 5000)).toHaveLength(5000)
    expect(decodeVersion(encodeVersion(version, 0))).toEqual(version)
    expect(() => decodeVersion(encodeVersion(version, 5000).fill(0, 4999))).toThrow(/not those of/)
    expect(() => decodeVersion(new Uint8Array(10))).toThrow(/no version/)
  })
})
