import { expect, test } from 'vitest'
import { MemoryStore } from '../src/memory.ts'
import type { GetOptions, StoredObject } from '../src/object-store.ts'
import { getStream, type StreamedObject } from '../src/streamed.ts'
import { countedSignal } from './counted-signal.ts'

const BODY = new Uint8Array(10).map((_, index) => index)

/** Answers the first piece, and no other one before it is given up. */
class SilentAfterTheFirst extends MemoryStore {
  given = 0
  override async get(key: string, options?: GetOptions): Promise<StoredObject | undefined> {
    if (this.given++ === 0) return await super.get(key, options)
    return await new Promise((_resolve, reject) => {
      options?.signal?.addEventListener('abort', () => reject(options.signal?.reason))
    })
  }
}

async function openStream(store: MemoryStore, signal: AbortSignal): Promise<StreamedObject['stream']> {
  await store.put('k', BODY)
  const found = await getStream(store, 'k', { pieceBytes: 4, signal })
  return (found as StreamedObject).stream
}

test('a stream that is read in part, and one that is read whole, leave nothing on the signal of the caller', async () => {
  const { signal, count } = countedSignal()
  const stream = await openStream(new MemoryStore(), signal)
  const reader = stream.getReader()
  for (const end of [4, 8]) expect((await reader.read()).value?.at(-1)).toBe(end - 1)
  expect(count()).toBe(0)
  expect((await reader.read()).value).toEqual(BODY.subarray(8))
  expect((await reader.read()).done).toBe(true)
  expect(count()).toBe(0)
})

test('cancelling gives up on the piece that is being read', async () => {
  const { signal, count } = countedSignal()
  const store = new SilentAfterTheFirst()
  const reader = (await openStream(store, signal)).getReader()
  await reader.read()
  const second = reader.read()
  expect([store.given, count()]).toEqual([2, 1])
  await reader.cancel(new Error('enough'))
  expect((await second).done).toBe(true)
  await new Promise(setImmediate)
  expect(count()).toBe(0)
})

test('the signal of the caller stops the piece that is being read, and fails the stream', async () => {
  const { controller, signal } = countedSignal()
  const reader = (await openStream(new SilentAfterTheFirst(), signal)).getReader()
  await reader.read()
  const second = reader.read()
  controller.abort(new Error('gone'))
  await expect(second).rejects.toThrow('gone')
})
