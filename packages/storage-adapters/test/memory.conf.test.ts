import { describe, test } from 'vitest'
import { type ConformanceRunner, testObjectStore } from '../src/conformance.ts'
import { deadline } from '../src/deadline.ts'
import { hedged } from '../src/hedged.ts'
import { limited } from '../src/limited.ts'
import { MemoryStore } from '../src/memory.ts'
import { metered } from '../src/metered.ts'
import { prefixed } from '../src/prefixed.ts'
import { retrying } from '../src/retrying.ts'
import { faulty } from '../src/testing.ts'
import { hastyTimers } from './hand-timers.ts'

const runner = { describe, test }
const everything = {
  create: true,
  compareAndSwap: true,
  conditionalDelete: true,
  orderedListing: true,
  uniqueEtags: true,
}

testObjectStore({
  name: 'memory',
  open: async () => new MemoryStore(),
  runner,
  capabilities: { ...everything, objectBytesMax: 1024 ** 3, keyBytesMax: 1024 },
})

testObjectStore({
  name: 'memory, small objects, nothing conditional',
  open: async () => new MemoryStore({ objectBytesMax: 2_000_000, without: ['create', 'compareAndSwap', 'conditionalDelete'] }),
  runner,
  capabilities: { create: false, compareAndSwap: false, conditionalDelete: false, objectBytesMax: 2_000_000 },
})

testObjectStore({ name: 'metered memory', open: async () => metered(new MemoryStore()), runner, capabilities: everything })

testObjectStore({
  name: 'retrying memory',
  open: async () => retrying(new MemoryStore()),
  runner,
  capabilities: everything,
})

testObjectStore({
  name: 'hedged memory',
  open: async () => hedged(new MemoryStore(), { budget: 1, percentile: 0 }),
  runner,
  capabilities: everything,
})

testObjectStore({
  name: 'limited memory, two calls at a time',
  open: async () =>
    limited(faulty(new MemoryStore(), { seed: 5, rates: { delay: 0.5 }, timers: hastyTimers }), { inFlightMax: 2 }),
  runner,
  capabilities: everything,
})

testObjectStore({
  name: 'prefixed memory among foreign keys',
  open: async () => {
    const inner = new MemoryStore()
    for (const key of ['a', 'tenants/6/a', 'tenants/7-a', 'tenants/70/a', 'tenants/8/a', 'z']) {
      await inner.put(key, new Uint8Array(3))
    }
    return prefixed(inner, 'tenants/7')
  },
  runner,
  capabilities: { ...everything, keyBytesMax: 1024 - 10 },
})

testObjectStore({
  name: 'memory with a deadline',
  open: async () => deadline(new MemoryStore(), { ms: 1_000_000 }),
  runner,
  capabilities: everything,
})

testObjectStore({
  name: 'memory with delays',
  open: async () => faulty(new MemoryStore(), { seed: 1, rates: { delay: 0.5 }, timers: hastyTimers }),
  runner,
  capabilities: everything,
})

testObjectStore({
  name: 'memory that fails before effects and is slow, with retries',
  open: async () => {
    const rates = { failBefore: 0.2, throttle: 0.1, delay: 0.2 }
    const store = faulty(new MemoryStore(), { seed: 2, rates, timers: hastyTimers })
    return retrying(store, { attemptsMax: 50, delay: async () => undefined })
  },
  runner,
  capabilities: everything,
})

/** Registers only what copes with unknown outcomes; all else expects a store that answers. */
const copingRunner: ConformanceRunner = {
  describe: (name, body) => {
    if (name.startsWith('ObjectStore') || name === 'races' || name === 'unknown outcomes') runner.describe(name, body)
  },
  test: runner.test,
}

testObjectStore({
  name: 'memory that loses requests and replies',
  open: async () => {
    const rates = { failAfter: 0.2, loseRequest: 0.2, landLate: 0.2, delay: 0.3, throttle: 0.1 }
    const filter = ({ isConditional }: { readonly isConditional: boolean }): boolean => isConditional
    return faulty(new MemoryStore(), { seed: 3, rates, timers: hastyTimers, filter })
  },
  runner: copingRunner,
})

testObjectStore({
  name: 'memory behind a library that repeats conditional writes',
  open: async () => {
    const filter = ({ name }: { readonly name: string }): boolean => name === 'create'
    return faulty(new MemoryStore(), { seed: 4, rates: { repeat: 0.5, failAfter: 0.1 }, timers: hastyTimers, filter })
  },
  runner: {
    describe: (name, body) => {
      if (name !== 'races') copingRunner.describe(name, body)
    },
    // A repetition that is stopped calls the call stopped, although it was done: then nobody can tell.
    test: (name, body) => {
      if (!name.includes('stopped')) runner.test(name, body)
    },
  },
})
