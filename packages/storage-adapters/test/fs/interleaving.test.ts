import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { outcomeOf } from '../../src/conformance/trial.ts'
import { nodeEnvironment } from '../../src/fs/environment.ts'
import { nodeFiles } from '../../src/fs/files.ts'
import { FsStore, openFsStore } from '../../src/fs/fs-store.ts'
import { deadProcess, handClock, systemError, watchedFiles } from './files-double.ts'
import { newFolder, removeFolder, tempFolder } from './temp-folder.ts'

const KEY = 'a/k'
const text = (value: string): Uint8Array => new TextEncoder().encode(value)

/** The object of a run: its bytes, or absent. The version at the start is the one whose etag the conditions name. */
interface State {
  readonly value: string | undefined
  readonly isFirstVersion: boolean
}

interface Operation {
  readonly name: string
  readonly call: (store: FsStore, value: string, etag: string) => Promise<unknown>
  /** What the operation says and leaves when it runs alone. */
  readonly model: (state: State, value: string) => { outcome: string; state: State }
}

const absent: State = { value: undefined, isFirstVersion: false }
const written = (value: string): State => ({ value, isFirstVersion: false })
const conflict = (state: State) => ({ outcome: 'conflict', state })
const done = (state: State) => ({ outcome: 'done', state })

const OPERATIONS: readonly Operation[] = [
  {
    name: 'create',
    call: (store, value) => store.create(KEY, text(value)),
    model: (state, value) => (state.value === undefined ? done(written(value)) : conflict(state)),
  },
  { name: 'put', call: (store, value) => store.put(KEY, text(value)), model: (_, value) => done(written(value)) },
  {
    name: 'compareAndSwap',
    call: (store, value, etag) => store.compareAndSwap(KEY, text(value), { etag }),
    model: (state, value) => (state.isFirstVersion ? done(written(value)) : conflict(state)),
  },
  { name: 'delete', call: (store) => store.delete(KEY), model: () => done(absent) },
  {
    name: 'conditional delete',
    call: (store, _, etag) => store.delete(KEY, { etag }),
    model: (state) => (state.isFirstVersion || state.value === undefined ? done(absent) : conflict(state)),
  },
]

/** Runs `outer`, and `inner` from another store to its end right before call number `at` of `outer`. */
async function interleave(outer: Operation, inner: Operation, isPresent: boolean, at: number): Promise<[string, number]> {
  const folder = await newFolder()
  let calls = 0
  let innerOutcome = 'not started'
  let intrude = async (): Promise<void> => undefined
  const watched = watchedFiles(() => undefined)
  const names = Object.keys(watched) as (keyof typeof watched)[]
  const files = Object.fromEntries(
    names.map((name) => [
      name,
      async (...args: unknown[]) => {
        if (++calls === at) await intrude()
        return (watched[name] as (...args: unknown[]) => Promise<unknown>)(...args)
      },
    ]),
  ) as unknown as typeof watched
  const options = { fsync: false }
  const store = await openFsStore({ ...nodeEnvironment, files, clock: handClock() }, folder, options)
  const other = await openFsStore({ ...nodeEnvironment, files: nodeFiles, clock: handClock() }, folder, options)
  const etag = isPresent ? (await other.put(KEY, text('first'))).etag : '00'.repeat(16)
  let intrusion = Promise.resolve()
  intrude = () => {
    intrusion = outcomeOf(inner.call(other, 'inner', etag)).then((outcome) => void (innerOutcome = outcome))
    return intrusion
  }
  calls = 0
  const outerOutcome = await outcomeOf(outer.call(store, 'outer', etag))
  const ran = calls
  // Nobody waits for the closing of files, so what comes before that may still be under way.
  await intrusion
  const found = await other.get(KEY)
  const value = found && new TextDecoder().decode(found.bytes)
  await store.close()
  await other.close()
  expect(await readdir(join(folder, '%staging')), `left behind, ${inner.name} before call ${at}`).toEqual([])
  await removeFolder(folder)
  return [`${outerOutcome} ${innerOutcome} ${value}`, ran]
}

/** The results of both orders, in the form that `interleave` gives. */
function serialResults(outer: Operation, inner: Operation, isPresent: boolean): string[] {
  const start: State = isPresent ? { value: 'first', isFirstVersion: true } : absent
  const outerFirst = outer.model(start, 'outer')
  const thenInner = inner.model(outerFirst.state, 'inner')
  const innerFirst = inner.model(start, 'inner')
  const thenOuter = outer.model(innerFirst.state, 'outer')
  return [
    `${outerFirst.outcome} ${thenInner.outcome} ${thenInner.state.value}`,
    `${thenOuter.outcome} ${innerFirst.outcome} ${thenOuter.state.value}`,
  ]
}

describe.each(OPERATIONS)('$name', (outer) => {
  test.each(OPERATIONS)(
    'with a whole $name of another process before any of its calls, acts as if one came first',
    async (inner) => {
      for (const isPresent of [true, false]) {
        const serial = serialResults(outer, inner, isPresent)
        const [, total] = await interleave(outer, inner, isPresent, 0)
        for (let at = 1; at <= total; at++) {
          const [result] = await interleave(outer, inner, isPresent, at)
          expect(serial, `isPresent=${isPresent}, before call ${at} of ${total}`).toContain(result)
        }
      }
    },
  )
})

test('a lock whose process died under the eyes of others is taken at once', async () => {
  const folder = await tempFolder()
  const clock = { ...handClock(), delay: () => Promise.reject(new Error('waited')) }
  const store = await openFsStore({ ...nodeEnvironment, clock }, folder, { fsync: false })
  await store.put(KEY, text('first'))
  let isDead = false
  const files = watchedFiles(({ name, target }) => {
    isDead ||= name === 'rename' && target?.endsWith('.object') === true
    return isDead ? { error: systemError('KILLED'), when: 'before' } : undefined
  })
  const dying = await openFsStore(deadProcess(files), folder, { fsync: false })
  await expect(dying.put(KEY, text('never'))).rejects.toMatchObject({ kind: 'unknown' })
  expect((await readdir(join(folder, '%staging'))).some((name) => name.startsWith('lock-'))).toBe(true)
  await store.put(KEY, text('second'))
  expect(new TextDecoder().decode((await store.get(KEY))?.bytes)).toBe('second')
  await store.close()
})

test('writers of one store wait for one another without asking the file system', async () => {
  let lockings = 0
  const files = watchedFiles(({ name, target }) => {
    if (name === 'rename' && target?.includes('/lock-') === true) lockings++
    return undefined
  })
  const store = await openFsStore({ ...nodeEnvironment, files }, await tempFolder(), { fsync: false })
  await Promise.all(Array.from({ length: 20 }, (_, i) => store.put(KEY, text(String(i)))))
  expect(lockings).toBe(20)
  expect(new TextDecoder().decode((await store.get(KEY))?.bytes)).toBe('19')
  await store.close()
})
