import { StoreError } from '@graft-ts/storage-adapters'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import { storeKeys } from '@graft-ts/volume'
import { describe, expect, test } from 'vitest'
import { uploadSegment } from '../../src/write/upload-segment.ts'
import { openHarness, outcomeOf, pagesOf, range, settle, VirtualTimers } from '../harness.ts'
import { ScriptedStore } from '../scripted-store.ts'
import { openGated, segmentKeys } from './gated.ts'

describe('uploads that fail', () => {
  const unavailable = () => new StoreError('STORE_UNAVAILABLE', 'down')
  const unknown = () => new StoreError('STORE_OUTCOME_UNKNOWN', 'the reply was lost')

  test('I6: a failed try is repeated with the same key and the same bytes', async () => {
    const tries: { key: string; bytes: Uint8Array }[] = []
    const { write, newVolume, timers, scripted, events, pagestore } = openGated()
    scripted.onCreate = async (forward, key, body, options) => {
      tries.push({ key, bytes: body.slice() })
      if (tries.length < 3) throw unavailable()
      return forward(key, body, options)
    }
    const writing = write(newVolume(), pagesOf([1]))
    await timers.advance(10_000)
    await writing
    expect(tries.length).toBe(3)
    expect(new Set(tries.map((attempt) => attempt.key)).size).toBe(1)
    expect(tries[1]?.bytes).toEqual(tries[0]?.bytes)
    expect(pagestore.metrics()).toMatchObject({ uploadRetries: 2, uploadsFailed: 0 })
    expect(events.map((event) => event.type)).toEqual(['upload-retried', 'upload-retried', 'segment-written', 'pages-written'])
  })

  test('pauses grow, with jitter, and are bounded', async () => {
    const startsMs: number[] = []
    const { write, newVolume, timers, scripted } = openGated({ limits: { uploadAttemptsMax: 10, uploadRetryDelayMs: 100 } })
    scripted.onCreate = async () => {
      startsMs.push(timers.nowMs)
      throw unavailable()
    }
    const writing = outcomeOf(write(newVolume(), pagesOf([1])))
    await timers.advance(120_000)
    expect(await writing).toBe('unavailable SEGMENT_UPLOAD')
    expect(startsMs.length).toBe(10)
    let drawn = 0
    for (let i = 1; i < startsMs.length; i++) {
      const pauseMs = (startsMs[i] as number) - (startsMs[i - 1] as number)
      const most = Math.min(100 * 2 ** (i - 1), 10_000)
      expect(pauseMs).toBeGreaterThanOrEqual(most / 2)
      expect(pauseMs).toBeLessThanOrEqual(most)
      // Neither end of the range: the pauses are drawn.
      if (pauseMs !== most && pauseMs !== most / 2) drawn += 1
    }
    expect(drawn).toBeGreaterThan(5)
  })

  test('I1: an upload that failed fails exactly its own writes, and gives no ref', async () => {
    const { write, newVolume, gates, timers, memory, pagestore } = openGated({ limits: { uploadAttemptsMax: 1 } })
    const volumes = range(1, 3).map(newVolume)
    const first = outcomeOf(write(volumes[0] as never, pagesOf([1])))
    await settle()
    const second = [1, 2].map((i) => outcomeOf(write(volumes[i] as never, pagesOf([2]))))
    await settle()
    gates[0]?.open()
    await settle()
    gates[1]?.fail(unavailable())
    const third = write(volumes[0] as never, pagesOf([3]))
    await timers.advance(0)
    expect(await first).toBe('ok')
    expect(await Promise.all(second)).toEqual(['unavailable SEGMENT_UPLOAD', 'unavailable SEGMENT_UPLOAD'])
    gates[2]?.open()
    const ref = await third
    expect((await segmentKeys(memory)).length).toBe(2)
    expect(await segmentKeys(memory)).toContain(storeKeys.segment(ref.segmentId as never))
    expect(pagestore.metrics()).toMatchObject({ segmentsWritten: 2, uploadsFailed: 1, writeBytesInFlightNow: 0 })
  })

  test('I6: a lost reply is resolved by reading the object back', async () => {
    let creates = 0
    const { write, newVolume, store, scripted } = openGated()
    scripted.onCreate = async (forward, key, body, options) => {
      creates += 1
      await forward(key, body, options)
      throw unknown()
    }
    await write(newVolume(), pagesOf([1]))
    expect(creates).toBe(1)
    expect(store.counts).toMatchObject({ head: 1, get: 1 })
  })

  test('a lost request is sent again', async () => {
    let creates = 0
    const { write, newVolume, timers, scripted } = openGated()
    scripted.onCreate = async (forward, key, body, options) => {
      creates += 1
      if (creates === 1) throw unknown()
      return forward(key, body, options)
    }
    const writing = write(newVolume(), pagesOf([1]))
    await timers.advance(1000)
    await writing
    expect(creates).toBe(2)
  })

  test('I6: a conflict with the same bytes means that an earlier try has landed', async () => {
    const { write, newVolume, timers, scripted } = openGated()
    let creates = 0
    scripted.onCreate = async (forward, key, body, options) => {
      creates += 1
      if (creates > 1) return forward(key, body, options)
      // The first try lands, its reply is lost, and the read after it fails too.
      await forward(key, body, options)
      scripted.onHead = async (head) => {
        scripted.onHead = undefined
        void head
        throw unavailable()
      }
      throw unknown()
    }
    const writing = write(newVolume(), pagesOf([1]))
    await timers.advance(1000)
    await writing
    expect(creates).toBe(2)
  })

  test('I6: a try of unknown outcome that cannot be looked for is repeated, whatever keeps us from looking', async () => {
    const { write, newVolume, timers, scripted } = openGated()
    let creates = 0
    scripted.onCreate = async (forward, key, body, options) => {
      creates += 1
      if (creates === 1) throw unknown()
      return forward(key, body, options)
    }
    scripted.onHead = () => Promise.reject(new StoreError('STORE_DENIED', 'this key may not read'))
    const writing = write(newVolume(), pagesOf([1]))
    await timers.advance(1000)
    await writing
    expect(creates).toBe(2)
  })

  test('I1: other bytes under the key are never taken for ours', async () => {
    for (const more of [0, 1]) {
      const { write, newVolume, scripted, memory, store, timers } = openGated()
      scripted.onCreate = async (forward, key, body, options) => {
        await memory.put(key, new Uint8Array(body.length + more))
        return forward(key, body, options)
      }
      const writing = outcomeOf(write(newVolume(), pagesOf([1])))
      await timers.advance(10_000)
      expect(await writing).toBe('unavailable SEGMENT_UPLOAD')
      // Trying again cannot help, and an object of another length need not be read.
      expect(store.counts).toMatchObject({ create: 1, head: 1, get: 1 - more })
    }
  })

  test('I1: a store that never answers gives no ref; it counts as lost after the timeout', async () => {
    const { write, newVolume, scripted, timers } = openGated({ limits: { uploadAttemptsMax: 2, uploadTimeoutMs: 500 } })
    const signals: (AbortSignal | undefined)[] = []
    scripted.onCreate = (_forward, _key, _body, options) => {
      signals.push(options?.signal)
      return new Promise(() => undefined)
    }
    const writing = outcomeOf(write(newVolume(), pagesOf([1])))
    await timers.advance(499)
    expect(signals.map((signal) => signal?.aborted)).toEqual([false])
    await timers.advance(5000)
    expect(await writing).toBe('unavailable SEGMENT_UPLOAD')
    expect(signals.map((signal) => signal?.aborted)).toEqual([true, true])
  })

  test('I1: an outcome that stays unknown gives no ref, also when the object cannot be read back', async () => {
    for (const canRead of [true, false]) {
      const { write, newVolume, scripted, timers, memory } = openGated()
      let creates = 0
      scripted.onCreate = async () => {
        creates += 1
        throw unknown()
      }
      if (!canRead) scripted.onHead = () => Promise.reject(unavailable())
      const writing = outcomeOf(write(newVolume(), pagesOf([1])))
      await timers.advance(10_000)
      expect(await writing).toBe('unavailable SEGMENT_UPLOAD')
      expect(creates).toBe(4)
      expect(await segmentKeys(memory)).toEqual([])
    }
  })

  test('I6: a write that a client sends again gives another ref to the same pages', async () => {
    const { write, newVolume, commit, read } = openHarness()
    const volumeId = newVolume()
    const pages = pagesOf([1, 2])
    const [first, second] = [await write(volumeId, pages), await write(volumeId, pages)]
    expect(second.segmentId).not.toBe(first.segmentId)
    const lsn = await commit(volumeId, { base: 0, pageCount: 2, refs: [first, second] })
    expect((await read(volumeId, lsn, [2])).get(2)?.bytes).toEqual(pages.get(2))
  })

  test('a full store is said to be full, at once and without a hint to come back', async () => {
    const { write, newVolume, scripted } = openGated()
    let creates = 0
    scripted.onCreate = () => {
      creates += 1
      return Promise.reject(new StoreError('STORE_FULL', 'no space left'))
    }
    const error = await write(newVolume(), pagesOf([1])).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ kind: 'exhausted', code: 'SEGMENT_UPLOAD', retryAfterMs: undefined })
    expect(creates).toBe(1)
  })

  test('a store that slows its callers down is tried again, and then says when to come back', async () => {
    const { write, newVolume, scripted, timers } = openGated()
    scripted.onCreate = () => Promise.reject(new StoreError('STORE_THROTTLED', 'slow down'))
    const writing = write(newVolume(), pagesOf([1])).catch((error: unknown) => error)
    await timers.advance(10_000)
    expect(await writing).toMatchObject({ kind: 'exhausted', code: 'SEGMENT_UPLOAD', retryAfterMs: 10_000 })
  })

  test('a store that says when to come back is asked again then, and its callers are told', async () => {
    const { write, newVolume, scripted, timers } = openGated({ limits: { uploadAttemptsMax: 2 } })
    const startsMs: number[] = []
    scripted.onCreate = () => {
      startsMs.push(timers.nowMs)
      return Promise.reject(new StoreError('STORE_THROTTLED', 'slow down', { retryAfterMs: 3000 }))
    }
    const writing = write(newVolume(), pagesOf([1])).catch((error: unknown) => error)
    await timers.advance(10_000)
    expect(startsMs).toEqual([0, 3000])
    expect(await writing).toMatchObject({ kind: 'exhausted', code: 'SEGMENT_UPLOAD', retryAfterMs: 3000 })
  })

  test('a store that asks for an hour is asked again after ten seconds', async () => {
    const { write, newVolume, scripted, timers } = openGated({ limits: { uploadAttemptsMax: 2 } })
    const startsMs: number[] = []
    scripted.onCreate = () => {
      startsMs.push(timers.nowMs)
      return Promise.reject(new StoreError('STORE_THROTTLED', 'slow down', { retryAfterMs: 3_600_000 }))
    }
    void write(newVolume(), pagesOf([1])).catch(() => undefined)
    await timers.advance(20_000)
    expect(startsMs).toEqual([0, 10_000])
  })

  test('I1: a reply that was cut off does not pass for the object', async () => {
    const { write, newVolume, scripted, timers } = openGated({ limits: { uploadAttemptsMax: 2 } })
    let gets = 0
    scripted.onCreate = async (forward, key, body, options) => {
      await forward(key, body, options)
      throw unknown()
    }
    scripted.onGet = async (forward, key, options) => {
      gets += 1
      const found = await forward(key, options)
      return found && { ...found, bytes: found.bytes.subarray(0, -1) }
    }
    const writing = outcomeOf(write(newVolume(), pagesOf([1])))
    await timers.advance(10_000)
    expect(await writing).toBe('unavailable SEGMENT_UPLOAD')
    expect(gets).toBeGreaterThan(0)
  })

  test('I6: a try that lands and is never answered is found after its timeout, and not sent again', async () => {
    const { write, newVolume, scripted, timers } = openGated({ limits: { uploadTimeoutMs: 500 } })
    let creates = 0
    scripted.onCreate = async (forward, key, body, options) => {
      creates += 1
      await forward(key, body, options)
      return new Promise(() => undefined)
    }
    const writing = write(newVolume(), pagesOf([1]))
    await timers.advance(500)
    await writing
    expect(creates).toBe(1)
  })

  test('a signal that outlives many uploads does not collect listeners', async () => {
    const { signal } = new AbortController()
    let listeners = 0
    const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)]
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners += 1
      add(...args)
    }
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners -= 1
      remove(...args)
    }
    const store = new ScriptedStore(new MemoryStore())
    const timers = new VirtualTimers()
    const limits = { attemptsMax: 3, timeoutMs: 1000, retryDelayMs: 0 }
    const options = { ...limits, store, timers, signal, random: () => 0, onRetry: () => undefined }
    expect(await uploadSegment('segments/a', Uint8Array.of(1), options)).toBe(1)
    store.onCreate = () => Promise.reject(unavailable())
    const outcome = outcomeOf(uploadSegment('segments/b', Uint8Array.of(1), options))
    await timers.advance(1000)
    expect(await outcome).toBe('unavailable SEGMENT_UPLOAD')
    expect([listeners, timers.waiting]).toEqual([0, 0])
  })

  test('I1: an object that differs in its last byte alone is not ours', async () => {
    const { write, newVolume, scripted, memory, timers } = openGated()
    scripted.onCreate = async (forward, key, body, options) => {
      const other = body.slice()
      other[other.length - 1] = (other.at(-1) as number) ^ 1
      await memory.put(key, other)
      return forward(key, body, options)
    }
    const writing = outcomeOf(write(newVolume(), pagesOf([1])))
    await timers.advance(10_000)
    expect(await writing).toBe('unavailable SEGMENT_UPLOAD')
  })

  test('a store that refuses us is not asked again', async () => {
    const { write, newVolume, scripted } = openGated()
    let creates = 0
    scripted.onCreate = () => {
      creates += 1
      return Promise.reject(new StoreError('STORE_DENIED', 'no'))
    }
    expect(await outcomeOf(write(newVolume(), pagesOf([1])))).toBe('unavailable SEGMENT_UPLOAD')
    expect(creates).toBe(1)
  })
})
