import { isStoreError } from '../errors.ts'
import type { ObjectStore, StoredObject } from '../object-store.ts'
import { type CheckGroup, equal, equalBytes, ok, outcomeOf, pattern, type Trial, utf8 } from './trial.ts'

function racersOf(trial: Trial): { index: number; store: ObjectStore }[] {
  const pick = (index: number): ObjectStore => (index % 2 === 0 ? trial.store : trial.peer)
  return Array.from({ length: trial.racers }, (_, index) => ({ index, store: pick(index) }))
}

// What a loser may be told. Servers may also fail it or cut it off, but never tell it that it won.
const LOST = new Set<string>(['conflict', 'unavailable', 'unknown', 'exhausted'])

/** Lets several callers write the same key on the same condition; exactly one may win, and its bytes have to be there. */
async function race(
  trial: Trial,
  what: string,
  write: (store: ObjectStore, body: Uint8Array) => Promise<unknown>,
  bytes: number,
  read: () => Promise<StoredObject | undefined>,
): Promise<void> {
  const racers = racersOf(trial)
  const outcomes = await Promise.all(racers.map(({ index, store }) => outcomeOf(write(store, pattern(bytes, index + 1)))))
  const winners = racers.filter(({ index }) => outcomes[index] === 'done')
  const summary = `${what}, outcomes ${outcomes.join(' ')}`
  for (const outcome of outcomes) ok(outcome === 'done' || LOST.has(outcome), summary)
  ok(winners.length <= 1, `more than one winner: ${summary}`)
  if (!outcomes.includes('unknown')) equal(winners.length, 1, `winners: ${summary}`)
  const found = await read()
  const winner = winners[0]
  if (winner !== undefined) equalBytes(found?.bytes, pattern(bytes, winner.index + 1), `bytes of the winner: ${summary}`)
}

/** Numbers that writers count up, one each, in one object: `[3,0,5]`. */
function counters(found: StoredObject | undefined): number[] {
  ok(found !== undefined, 'the counter is gone')
  return JSON.parse(new TextDecoder().decode(found.bytes)) as number[]
}

/** Adds one to a writer's number, however often others are faster and replies get lost. */
async function addOne(store: ObjectStore, key: string, writer: number, target: number): Promise<void> {
  for (let attempt = 0; attempt < 10_000; attempt++) {
    const found = await store.get(key)
    const numbers = counters(found)
    // An attempt with an unknown outcome has turned out to have happened.
    if (numbers[writer] === target) return
    equal(numbers[writer], target - 1, `number of writer ${writer}`)
    numbers[writer] = target
    try {
      await store.compareAndSwap(key, utf8(JSON.stringify(numbers)), { etag: found?.etag ?? '' })
      return
    } catch (error) {
      if (!isStoreError(error) || !LOST.has(error.kind)) throw error
    }
  }
  throw new Error('a writer never came through')
}

/** Whole old or whole new: every byte of a version is the same, and the length tells which. */
function checkUniform(found: StoredObject | undefined): void {
  ok(found !== undefined, 'a present object was not found')
  const value = found.bytes[0] ?? 0
  ok(
    found.bytes.every((byte) => byte === value),
    `a read mixes versions, or its range does, size=${found.size}`,
  )
  equal(found.size, versionBytes(value), 'the length belongs to another version')
}

function versionBytes(value: number): number {
  return 70_000 + value * 100
}

function version(value: number): Uint8Array {
  return new Uint8Array(versionBytes(value)).fill(value)
}

/** Several callers at once. */
export const raceChecks: CheckGroup = {
  name: 'races',
  checks: [
    {
      name: 'of several creators exactly one wins',
      run: async (trial) => {
        if (!trial.store.capabilities.create) return
        for (const bytes of trial.raceBytes) {
          for (let round = 0; round < trial.rounds; round++) {
            const key = `race/${bytes}/${round}`
            const read = (): Promise<StoredObject | undefined> => trial.peer.get(key)
            await race(trial, key, (store, body) => store.create(key, body), bytes, read)
          }
        }
      },
    },
    {
      name: 'of several swaps of one version exactly one wins',
      run: async (trial) => {
        if (!trial.store.capabilities.compareAndSwap) return
        for (const bytes of trial.raceBytes) {
          for (let round = 0; round < trial.rounds; round++) {
            const key = `swap/${bytes}/${round}`
            const { etag } = await trial.store.put(key, utf8('start'))
            const read = (): Promise<StoredObject | undefined> => trial.peer.get(key)
            await race(trial, key, (store, body) => store.compareAndSwap(key, body, { etag }), bytes, read)
          }
        }
      },
    },
    {
      name: 'counters that several writers swap sum up',
      run: async (trial) => {
        if (!trial.store.capabilities.compareAndSwap) return
        const racers = racersOf(trial)
        const target = Math.max(2, trial.rounds)
        await trial.store.put('counter', utf8(JSON.stringify(racers.map(() => 0))))
        await Promise.all(
          racers.map(async ({ index, store }) => {
            for (let n = 1; n <= target; n++) await addOne(store, 'counter', index, n)
          }),
        )
        for (const number of counters(await trial.peer.get('counter'))) equal(number, target, 'a counter')
      },
    },
    {
      name: 'a put is the last word over creations and swaps that race with it',
      run: async (trial) => {
        const { store, peer } = trial
        for (let round = 0; round < trial.rounds; round++) {
          const key = `last/${round}`
          const others: Promise<unknown>[] = []
          if (store.capabilities.compareAndSwap) {
            const { etag } = await store.put(key, utf8('start'))
            others.push(outcomeOf(peer.compareAndSwap(key, utf8('swapped'), { etag })))
          } else if (store.capabilities.create) others.push(outcomeOf(peer.create(key, utf8('created'))))
          // Either order leaves the bytes of the put: a swap after it must fail.
          await Promise.all([store.put(key, utf8('put')), ...others])
          equalBytes((await peer.get(key))?.bytes, utf8('put'), `round ${round}`)
        }
      },
    },
    {
      name: 'a deletion is the last word over swaps that race with it',
      run: async (trial) => {
        const { store, peer } = trial
        if (!store.capabilities.compareAndSwap) return
        for (let round = 0; round < trial.rounds; round++) {
          const key = `gone/${round}`
          const { etag } = await store.put(key, utf8('start'))
          await Promise.all([store.delete(key), outcomeOf(peer.compareAndSwap(key, utf8('swapped'), { etag }))])
          equal(await peer.get(key), undefined, `a swap brought a deleted object back, round ${round}`)
        }
      },
    },
    {
      name: 'a conditional deletion and a swap of the same version do not both win',
      run: async (trial) => {
        const { store, peer } = trial
        if (!store.capabilities.compareAndSwap || !store.capabilities.conditionalDelete) return
        for (let round = 0; round < trial.rounds; round++) {
          const key = `either/${round}`
          const { etag } = await store.put(key, utf8('start'))
          const [deleted, swapped] = await Promise.all([
            outcomeOf(store.delete(key, { etag })),
            outcomeOf(peer.compareAndSwap(key, utf8('swapped'), { etag })),
          ])
          const found = await peer.get(key)
          const what = `deletion ${deleted}, swap ${swapped}, round ${round}`
          ok(deleted !== 'done' || swapped !== 'done', `both won: ${what}`)
          if (swapped === 'done') equalBytes(found?.bytes, utf8('swapped'), what)
          else if (deleted === 'done') equal(found, undefined, what)
          else ok(deleted === 'unknown' || swapped === 'unknown', `neither won: ${what}`)
        }
      },
    },
    {
      name: 'creations that race with deletions never leave half an object',
      run: async (trial) => {
        if (!trial.store.capabilities.create) return
        const body = pattern(5000, 4)
        for (let round = 0; round < trial.rounds; round++) {
          const calls = racersOf(trial).map(({ index, store }) =>
            outcomeOf(index % 3 === 0 ? store.delete('flicker') : store.create('flicker', body)),
          )
          for (const outcome of await Promise.all(calls)) ok(outcome === 'done' || LOST.has(outcome), outcome)
          const found = await trial.peer.get('flicker')
          if (found !== undefined) equalBytes(found.bytes, body, `round ${round}`)
        }
      },
    },
    {
      name: 'reads while an object is overwritten see one whole version',
      run: async ({ store, peer, rounds }) => {
        await store.put('moving', version(0))
        let isOver = false
        const reader = async (handle: ObjectStore): Promise<void> => {
          while (!isOver) {
            checkUniform(await handle.get('moving'))
            checkUniform(await handle.get('moving', { range: { offset: 65_000, length: 3000 } }))
            ok((await handle.head('moving')) !== undefined, 'a present object has no head')
          }
        }
        const readers = [reader(store), reader(peer), reader(peer)]
        try {
          for (let turn = 1; turn <= rounds * 4; turn++) await store.put('moving', version(turn % 200))
        } finally {
          isOver = true
          await Promise.all(readers)
        }
      },
    },
  ],
}
