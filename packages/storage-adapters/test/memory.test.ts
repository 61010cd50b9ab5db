import { expect, test } from 'vitest'
import { MemoryStore } from '../src/memory.ts'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)

test('bytes are copied in and out', async () => {
  const store = new MemoryStore()
  const body = text('abc')
  await store.put('k', body)
  body.fill(0)
  const first = await store.get('k')
  first?.bytes.fill(1)
  expect((await store.get('k'))?.bytes).toEqual(text('abc'))
})

test('etags never repeat, not even for the same bytes', async () => {
  const store = new MemoryStore()
  const etags = new Set<string>()
  for (const value of ['A', 'B', 'A']) etags.add((await store.put('k', text(value))).etag)
  await store.delete('k')
  etags.add((await store.create('k', text('A'))).etag)
  expect(etags.size).toBe(4)
})

test.each([0, -1, 1.5, Number.NaN])('objects of at most %d bytes are refused', (objectBytesMax) => {
  expect(() => new MemoryStore({ objectBytesMax })).toThrow(expect.objectContaining({ code: 'STORE_ARGUMENT' }))
})
