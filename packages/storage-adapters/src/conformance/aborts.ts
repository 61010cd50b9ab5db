import type { ObjectStore } from '../object-store.ts'
import { type CheckGroup, equal, equalBytes, fails, ok, outcomeOf, pattern, utf8 } from './trial.ts'

type Call = (store: ObjectStore, signal: AbortSignal) => Promise<unknown>

function writesOf(store: ObjectStore, etag: string): [string, Call][] {
  const body = utf8('new')
  const calls: [string, Call][] = [['put', (s, signal) => s.put('k', body, { signal })]]
  if (store.capabilities.create) calls.push(['create', (s, signal) => s.create('fresh', body, { signal })])
  if (store.capabilities.compareAndSwap) {
    calls.push(['compareAndSwap', (s, signal) => s.compareAndSwap('k', body, { etag, signal })])
  }
  calls.push(['delete', (s, signal) => s.delete('k', { signal })])
  calls.push(['deleteMany', (s, signal) => s.deleteMany(['k'], { signal })])
  return calls
}

const READS: [string, Call][] = [
  ['get', (s, signal) => s.get('k', { signal })],
  ['get of a range', (s, signal) => s.get('k', { range: { offset: 1, length: 1 }, signal })],
  ['get of an absent key', (s, signal) => s.get('absent', { signal })],
  ['head', (s, signal) => s.head('k', { signal })],
  ['list', (s, signal) => s.list({ prefix: '', signal })],
]

/** Signals that stop calls. */
export const abortChecks: CheckGroup = {
  name: 'signals',
  checks: [
    {
      name: 'a signal that has fired stops every call before it has an effect',
      run: async ({ store }) => {
        const { etag } = await store.put('k', utf8('old'))
        const signal = AbortSignal.abort(new Error('changed my mind'))
        for (const [name, call] of [...READS, ...writesOf(store, etag)]) {
          await fails(name, () => call(store, signal), 'aborted', 'STORE_ABORTED')
        }
        equalBytes((await store.get('k'))?.bytes, utf8('old'), 'after all calls')
        equal(await store.head('fresh'), undefined, 'created')
      },
    },
    {
      name: 'a signal that never fires changes nothing',
      run: async ({ store }) => {
        const { etag } = await store.put('k', utf8('old'))
        const { signal } = new AbortController()
        for (const [name, call] of [...READS, ...writesOf(store, etag)]) {
          if (name === 'compareAndSwap') continue
          equal(await outcomeOf(call(store, signal)), 'done', name)
        }
      },
    },
    {
      name: 'a read that is stopped on its way gives all or an aborted error',
      run: async ({ store }) => {
        const body = pattern(300_000)
        await store.put('k', body)
        for (const [name, call] of READS) {
          const controller = new AbortController()
          const promise = outcomeOf(call(store, controller.signal))
          controller.abort()
          const outcome = await promise
          ok(outcome === 'done' || outcome === 'aborted', `${name}: unexpected outcome ${outcome}`)
        }
        equalBytes((await store.get('k'))?.bytes, body, 'a later read')
      },
    },
    {
      name: 'a write that is stopped on its way is done, not done, or unknown, and says so',
      run: async ({ store, peer }) => {
        const body = pattern(100_000, 3)
        for (let turn = 0; turn < 10; turn++) {
          const key = `turn/${turn}`
          const controller = new AbortController()
          const promise = store.capabilities.create
            ? outcomeOf(store.create(key, body, { signal: controller.signal }))
            : outcomeOf(store.put(key, body, { signal: controller.signal }))
          for (let tick = 0; tick < turn; tick++) await Promise.resolve()
          controller.abort()
          const outcome = await promise
          ok(['done', 'aborted', 'unknown'].includes(outcome), `unexpected outcome ${outcome}`)
          const found = await peer.get(key)
          if (outcome === 'done') equalBytes(found?.bytes, body, 'an acknowledged write')
          if (outcome === 'aborted') equal(found, undefined, 'a write that was stopped')
          if (found !== undefined) equalBytes(found.bytes, body, 'no part of a write')
        }
      },
    },
  ],
}
