import { Splinter } from '@graft-ts/splinter'
import { StoreError } from '@graft-ts/storage-adapters'
import { frameRange, idToBytes, storeKeys } from '@graft-ts/volume'
import { describe, expect, test } from 'vitest'
import { openHarness, outcomeOf, pagesOf, range, settle } from '../harness.ts'
import { ScriptedStore } from '../scripted-store.ts'
import { drain, withVolume } from './with-volume.ts'

/** Asks for page 1, and goes before it has come. */
async function leaveRead({ client, volumeId, lsn }: Pick<Awaited<ReturnType<typeof withVolume>>, 'client' | 'volumeId' | 'lsn'>) {
  const controller = new AbortController()
  const request = { volumeId: idToBytes(volumeId), lsn: BigInt(lsn), wanted: Splinter.from([1]).toBytes() }
  const leaving = outcomeOf(drain(client.readPages(request, { signal: controller.signal })))
  await settle()
  controller.abort()
  expect(await leaving).toMatch(/^aborted /)
}

describe('limits and bad input of reads', () => {
  test.each([
    ['one page less than the limit', range(1, 7), 'ok'],
    ['pages at the limit', range(1, 8), 'ok'],
    ['one page more', range(1, 9), 'exhausted SET_TOO_LARGE'],
  ])('%s', async (_, wanted, outcome) => {
    const { read, volumeId, lsn } = await withVolume(20, { limits: { readPagesMax: 8 } })
    expect(await outcomeOf(read(volumeId, lsn, wanted))).toBe(outcome)
  })

  test('a set of four billion wanted pages is refused, not walked', async () => {
    const { client, volumeId, lsn } = await withVolume(3)
    const wanted = Splinter.fromRange(1, 2 ** 32 - 1).toBytes()
    const reading = client.readPages({ volumeId: idToBytes(volumeId), lsn: BigInt(lsn), wanted })
    expect(await outcomeOf(drain(reading))).toBe('exhausted SET_TOO_LARGE')
  })

  test.each([
    [3, 'ok'],
    [4, 'ok'],
    [5, 'exhausted READ_BYTES'],
  ])('bytes: %i pages where 4 fit', async (count, outcome) => {
    const { read, volumeId, lsn } = await withVolume(20, { limits: { readBytesMax: 2048 } })
    expect(await outcomeOf(read(volumeId, lsn, range(1, count)))).toBe(outcome)
  })

  test('a wanted page beyond the end of that snapshot', async () => {
    const { read, volumeId, lsn } = await withVolume(20)
    expect(await outcomeOf(read(volumeId, lsn, [20]))).toBe('ok')
    expect(await outcomeOf(read(volumeId, lsn, [21]))).toBe('invalid PAGE_BEYOND_END')
  })

  test('LSN 0 has nothing to read', async () => {
    const { read, volumeId } = await withVolume(20)
    expect(await outcomeOf(read(volumeId, 0, [1]))).toBe('invalid READ_LSN')
  })

  test('page 0, bytes that are no set, an id that is none, an LSN out of range', async () => {
    const { client, volumeId, read } = await withVolume(3)
    expect(await outcomeOf(read(volumeId, 1, [0, 1]))).toMatch(/^invalid /)
    expect(await outcomeOf(read(volumeId, 1, [1], [0]))).toMatch(/^invalid /)
    const good = { volumeId: idToBytes(volumeId), lsn: 1n, wanted: Splinter.from([1]).toBytes() }
    for (const bad of [
      { wanted: Uint8Array.of(1, 2, 3) },
      { volumeId: new Uint8Array(3) },
      { lsn: 2n ** 53n },
      { lsn: 2n ** 64n - 1n },
    ]) {
      expect(await outcomeOf(drain(client.readPages({ ...good, ...bad })))).toMatch(/^invalid /)
    }
  })
})

describe('failures of the store', () => {
  test('I8: a zero page, a missing segment and a failed read are three things', async () => {
    const { read, write, commit, volumeId, lsn, memory, scripted } = await withVolume(3)
    const ref = await write(volumeId, pagesOf([10]))
    const second = await commit(volumeId, { base: lsn, pageCount: 20, refs: [ref] })
    await memory.delete(storeKeys.segment(ref.segmentId as never))
    expect(await read(volumeId, second, [9, 11])).toEqual(
      new Map([
        [9, { lsn: 0, bytes: undefined }],
        [11, { lsn: 0, bytes: undefined }],
      ]),
    )
    expect(await outcomeOf(read(volumeId, second, [10]))).toBe('corrupt SEGMENT_MISSING')
    scripted.onGet = () => Promise.reject(new StoreError('STORE_UNAVAILABLE', 'down'))
    expect(await outcomeOf(read(volumeId, second, [1]))).toBe('unavailable STORE_UNAVAILABLE')
    // Zero pages need no store; but never are they what a failed read turns into.
    expect(await outcomeOf(read(volumeId, second, [1, 9]))).toBe('unavailable STORE_UNAVAILABLE')
  })

  test('I8: a log that cannot be read is no unknown volume', async () => {
    const { memory, volumeId, lsn } = await withVolume(3)
    const cold = openHarness({
      wrap: () => {
        const scripted = new ScriptedStore(memory)
        scripted.onGet = () => Promise.reject(new StoreError('STORE_UNAVAILABLE', 'down'))
        return scripted
      },
    })
    expect(await outcomeOf(cold.read(volumeId, lsn, [1]))).toBe('unavailable STORE_UNAVAILABLE')
  })

  test('a store that is down is said to be down, and works again afterwards', async () => {
    const { read, volumeId, lsn, scripted } = await withVolume(3)
    scripted.onGet = () => Promise.reject(new StoreError('STORE_UNAVAILABLE', 'down'))
    expect(await outcomeOf(read(volumeId, lsn, [1]))).toBe('unavailable STORE_UNAVAILABLE')
    scripted.onGet = undefined
    expect(await outcomeOf(read(volumeId, lsn, [1]))).toBe('ok')
  })

  test('a store that refuses us does not look like a caller without rights', async () => {
    const { read, volumeId, lsn, scripted } = await withVolume(3)
    scripted.onGet = () => Promise.reject(new StoreError('STORE_DENIED', 'no'))
    expect(await outcomeOf(read(volumeId, lsn, [1]))).toBe('unavailable STORE_FAILED')
  })

  test('nor does one that refuses us while the commit is looked for', async () => {
    const { memory, volumeId, lsn } = await withVolume(3)
    const cold = openHarness({
      wrap: () => {
        const scripted = new ScriptedStore(memory)
        scripted.onGet = () => Promise.reject(new StoreError('STORE_DENIED', 'no'))
        return scripted
      },
    })
    expect(await outcomeOf(cold.read(volumeId, lsn, [1]))).toBe('unavailable STORE_FAILED')
    expect(cold.events.at(-1)).toMatchObject({ type: 'request-failed', kind: 'unavailable', code: 'STORE_FAILED' })
  })

  test('a store that slows us down without saying for how long: the caller is told to wait', async () => {
    const { read, volumeId, lsn, scripted } = await withVolume(3)
    scripted.onGet = () => Promise.reject(new StoreError('STORE_THROTTLED', 'slow down'))
    await expect(read(volumeId, lsn, [1])).rejects.toMatchObject({
      kind: 'exhausted',
      code: 'STORE_THROTTLED',
      retryAfterMs: 1000,
    })
  })

  test('a store that never answers', async () => {
    const { read, volumeId, lsn, scripted, timers } = await withVolume(3, { limits: { getTimeoutMs: 1000 } })
    let signal: AbortSignal | undefined
    scripted.onGet = (_forward, _key, options) => {
      signal = options?.signal
      return new Promise(() => undefined)
    }
    const reading = outcomeOf(read(volumeId, lsn, [1]))
    await timers.advance(999)
    expect(signal?.aborted).toBe(false)
    await timers.advance(1)
    expect(await reading).toBe('unavailable STORE_FAILED')
    // It is given up, too: what nobody waits for must not hold a connection.
    expect(signal?.aborted).toBe(true)
  })

  test('when one frame cannot be read, the reads of the others are given up', async () => {
    const { read, volumeId, lsn, ref, scripted } = await withVolume(640)
    let other: AbortSignal | undefined
    scripted.onGet = (_forward, _key, options) => {
      if (options?.range?.offset !== frameRange(ref, 0).offset) return Promise.reject(new StoreError('STORE_UNAVAILABLE', 'down'))
      other = options.signal
      return new Promise(() => undefined)
    }
    expect(await outcomeOf(read(volumeId, lsn, [1, 640]))).toBe('unavailable STORE_UNAVAILABLE')
    expect(other?.aborted).toBe(true)
  })

  test("a read that its last reader has left is nobody else's: the next one starts another", async () => {
    const { client, read, volumeId, lsn, pages, scripted } = await withVolume(3)
    scripted.onGet = () => new Promise(() => undefined)
    await leaveRead({ client, volumeId, lsn })
    await settle()
    scripted.onGet = undefined
    expect((await read(volumeId, lsn, [1])).get(1)?.bytes).toEqual(pages.get(1))
  })

  test('a read that was given up and ends late does not part those who wait for a newer one', async () => {
    const { client, read, volumeId, lsn, pages, scripted } = await withVolume(3, { cacheBytesMax: 0 })
    const gates: (() => void)[] = []
    scripted.onGet = (forward, key, options) =>
      new Promise((resolve) => void gates.push(() => resolve(forward(key, { range: options?.range }))))
    await leaveRead({ client, volumeId, lsn })
    const second = read(volumeId, lsn, [2])
    await settle()
    // The store was deaf to the signal.
    gates[0]?.()
    await settle()
    const third = read(volumeId, lsn, [3])
    await settle()
    for (const open of gates) open()
    expect((await second).get(2)?.bytes).toEqual(pages.get(2))
    expect((await third).get(3)?.bytes).toEqual(pages.get(3))
    expect(gates.length).toBe(2)
  })

  test('what has not come yet is given up, although its neighbour in the same read has come', async () => {
    const { client, volumeId, lsn, ref, scripted } = await withVolume(128)
    const damaged = frameRange(ref, 1)
    let again: AbortSignal | undefined
    scripted.onGet = async (forward, key, options) => {
      if (options?.range?.offset === damaged.offset) {
        again = options.signal
        return new Promise(() => undefined)
      }
      const found = await forward(key, { range: options?.range })
      if (found !== undefined && options?.range !== undefined) {
        const at = damaged.offset - options.range.offset + 100
        found.bytes[at] = (found.bytes[at] as number) ^ 1
      }
      return found
    }
    const controller = new AbortController()
    const request = { volumeId: idToBytes(volumeId), lsn: BigInt(lsn), wanted: Splinter.fromRange(1, 128).toBytes() }
    const leaving = outcomeOf(drain(client.readPages(request, { signal: controller.signal })))
    await settle()
    expect(again?.aborted).toBe(false)
    controller.abort()
    expect(await leaving).toMatch(/^aborted /)
    await settle()
    expect(again?.aborted).toBe(true)
  })

  test('a reader that leaves cancels its read; one that stays keeps it', async () => {
    const { client, read, volumeId, lsn, pages, scripted } = await withVolume(3)
    const signals: AbortSignal[] = []
    const gates: (() => void)[] = []
    scripted.onGet = (forward, key, options) =>
      new Promise((resolve) => {
        signals.push(options?.signal as AbortSignal)
        gates.push(() => resolve(forward(key, { range: options?.range })))
      })
    const request = { volumeId: idToBytes(volumeId), lsn: BigInt(lsn), wanted: Splinter.from([1]).toBytes() }
    const [first, second] = [new AbortController(), new AbortController()]
    const leaving = outcomeOf(drain(client.readPages(request, { signal: first.signal })))
    await settle()
    const staying = read(volumeId, lsn, [2])
    await settle()
    first.abort()
    expect(await leaving).toMatch(/^aborted /)
    await settle()
    expect(signals.length).toBe(1)
    expect(signals[0]?.aborted).toBe(false)
    gates[0]?.()
    expect((await staying).get(2)?.bytes).toEqual(pages.get(2))
    // A frame that nobody has in memory, and only one reader, who leaves.
    const { volumeId: alone, lsn: aloneLsn, client: aloneClient, scripted: aloneStore } = await withVolume(3)
    aloneStore.onGet = (_forward, _key, options) => {
      signals.push(options?.signal as AbortSignal)
      return new Promise(() => undefined)
    }
    const left = outcomeOf(
      drain(aloneClient.readPages({ ...request, volumeId: idToBytes(alone), lsn: BigInt(aloneLsn) }, { signal: second.signal })),
    )
    await settle()
    second.abort()
    expect(await left).toMatch(/^aborted /)
    await settle()
    expect(signals[1]?.aborted).toBe(true)
  })
})

describe('a reply that is longer than the range that was asked for', () => {
  test.each([
    ['a byte more', (bytes: Uint8Array<ArrayBuffer>, whole: Uint8Array<ArrayBuffer>) => whole.slice(0, bytes.length + 1)],
    ['the whole object', (_: Uint8Array<ArrayBuffer>, whole: Uint8Array<ArrayBuffer>) => whole],
  ])('%s: is refused, kept nowhere, and a later read is answered', async (_, lengthen) => {
    const { read, scripted, volumeId, lsn, pages, pagestore } = await withVolume(128)
    scripted.onGet = async (forward, key, options) => {
      const [found, whole] = await Promise.all([forward(key, options), forward(key)])
      if (options?.range === undefined || found === undefined || whole === undefined) return found
      return { ...found, bytes: lengthen(found.bytes, whole.bytes) }
    }
    expect(await outcomeOf(read(volumeId, lsn, [1]))).toBe('unavailable STORE_FAILED')
    expect(pagestore.metrics()).toMatchObject({ cacheBytesNow: 0, framesRead: 0, getsInFlightNow: 0 })
    scripted.onGet = undefined
    expect((await read(volumeId, lsn, [1])).get(1)?.bytes).toEqual(pages.get(1))
  })
})
