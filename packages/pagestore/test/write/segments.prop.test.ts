import { StoreError } from '@graft-ts/storage-adapters'
import {
  decodeFrame,
  decodeSegmentIndex,
  encodeSegmentRef,
  framePages,
  frameRange,
  isTypedError,
  type Run,
  type SegmentRef,
  type SegmentRun,
  type VolumeId,
} from '@graft-ts/volume'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { WritePolicy } from '../../src/write/segment-grouping.ts'
import type { SegmentScope } from '../../src/write/segment-writer.ts'
import { noisePage, range, syncCodec } from '../harness.ts'
import { type Direct, openDirect, runOf } from './direct.ts'

const seed = Number(process.env['FAST_CHECK_SEED'] ?? 7)
const numRuns = Number(process.env['FAST_CHECK_RUNS'] ?? 100)

const SEGMENT_BYTES_MAX = 64 * 1024
const policies = fc.constantFrom<WritePolicy>(
  { type: 'latency' },
  { type: 'latency', lateAfterMs: 5 },
  { type: 'cost', intervalMs: 20 },
)
const scopes = fc.constantFrom<SegmentScope>('shared', 'volume')
const write = fc.record({
  volume: fc.nat(3),
  first: fc.integer({ min: 1, max: 1000 }),
  pages: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 100 })),
  isNoise: fc.boolean(),
  /** When it comes, after the one before, and when its caller loses patience. */
  afterMs: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 30 })),
  abortAfterMs: fc.option(fc.integer({ min: 0, max: 60 }), { freq: 5 }),
})
/** What a try of an upload does. */
const tryOf = fc.record({
  takesMs: fc.integer({ min: 0, max: 50 }),
  ends: fc.oneof({ weight: 6, arbitrary: fc.constant('well' as const) }, fc.constantFrom('lost', 'landed', 'down', 'hangs')),
})

interface Acknowledged {
  readonly run: Run
  readonly ref: SegmentRef
}

/** Makes uploads take their time and fail as told. */
function script({ scripted, timers }: Direct, tries: readonly { readonly takesMs: number; readonly ends: string }[]): void {
  let next = 0
  scripted.onCreate = async (forward, key, body, options) => {
    const { takesMs, ends } = tries[next++ % tries.length] as (typeof tries)[0]
    await new Promise<void>((resolve) => {
      timers.start(resolve, takesMs)
    })
    if (ends === 'hangs') return new Promise(() => undefined)
    if (ends === 'down') throw new StoreError('STORE_UNAVAILABLE', 'down')
    if (ends === 'lost') throw new StoreError('STORE_OUTCOME_UNKNOWN', 'the request was lost')
    const result = await forward(key, body, options)
    if (ends === 'landed') throw new StoreError('STORE_OUTCOME_UNKNOWN', 'the reply was lost')
    return result
  }
}

/** All runs that lie in the store, read from the bytes of the segments alone. */
async function storedRuns({ memory }: Direct): Promise<Map<string, { bytes: Uint8Array; run: SegmentRun; key: string }>> {
  const runs = new Map<string, { bytes: Uint8Array; run: SegmentRun; key: string }>()
  for (const { key } of (await memory.list({ prefix: '' })).entries) {
    const { bytes } = (await memory.get(key)) as { bytes: Uint8Array }
    expect(bytes.length).toBeLessThanOrEqual(SEGMENT_BYTES_MAX)
    for (const run of decodeSegmentIndex(bytes).runs) runs.set(refKey(run.ref), { bytes, run, key })
  }
  return runs
}

const refKey = (ref: SegmentRef): string => Buffer.from(encodeSegmentRef(ref)).toString('base64')

/** The data of a run, from its segment's bytes. */
async function dataOf(bytes: Uint8Array, { ref, volumeId, pageSize }: SegmentRun): Promise<Uint8Array> {
  const frames = range(0, ref.frames.lengths.length - 1).map((frame) => {
    const { offset, length } = frameRange(ref, frame)
    const checksum = ref.frames.checksums[frame] as bigint
    const ownerId = ref.segmentId as NonNullable<typeof ref.segmentId>
    return decodeFrame(
      bytes.subarray(offset, offset + length),
      { volumeId, ownerId, pageSize, checksum, ...framePages(ref, pageSize, frame) },
      syncCodec,
    )
  })
  return Buffer.concat(await Promise.all(frames))
}

describe('whatever writers and the store do', () => {
  test('I1, I3: what was acknowledged lies in the store as it was sent, and nobody is left waiting', async () => {
    const history = fc.record({
      policy: policies,
      scope: scopes,
      writes: fc.array(write, { minLength: 1, maxLength: 30, size: 'max' }),
      tries: fc.array(tryOf, { minLength: 1, maxLength: 20, size: 'max' }),
      closeAfterMs: fc.option(fc.integer({ min: 0, max: 400 })),
    })
    await fc.assert(
      fc.asyncProperty(history, async ({ policy, scope, writes, tries, closeAfterMs }) => {
        const limits = {
          segmentBytesMax: SEGMENT_BYTES_MAX,
          writeBytesInFlightMax: 256 * 1024,
          uploadTimeoutMs: 100,
          uploadAttemptsMax: 3,
          uploadRetryDelayMs: 10,
          uploadsInFlightMax: 2,
        }
        const direct = openDirect({ policy, scope, limits })
        const { writer, timers } = direct
        script(direct, tries)
        const volumes: VolumeId[] = range(0, 3).map(direct.newVolume)
        const acknowledged: Acknowledged[] = []
        let failed = 0
        for (const { volume, first, pages, isNoise, afterMs, abortAfterMs } of writes) {
          await timers.advance(afterMs)
          const run = runOf(volumes[volume] as VolumeId, range(first, first + pages - 1))
          if (!isNoise) run.data.fill(first & 0xff)
          const controller = new AbortController()
          if (abortAfterMs !== null) timers.start(() => controller.abort(), abortAfterMs)
          writer.write(run, controller.signal).then(
            (ref) => acknowledged.push({ run, ref }),
            (error: unknown) => {
              expect(isTypedError(error)).toBe(true)
              failed += 1
            },
          )
        }
        if (closeAfterMs !== null) {
          await timers.advance(closeAfterMs)
          const closing = writer.close({ signal: AbortSignal.abort() })
          await timers.advance(0)
          await closing
        }
        await timers.advance(60_000)
        expect(acknowledged.length + failed).toBe(writes.length)
        expect([writer.bytesInFlight, writer.bytesWaiting, timers.waiting]).toEqual([0, 0, 0])

        const stored = await storedRuns(direct)
        for (const { run, ref } of acknowledged) {
          const found = stored.get(refKey(ref))
          expect(found?.run).toMatchObject({ volumeId: run.volumeId, pageSize: run.pageSize })
          expect(Buffer.compare(await dataOf(found?.bytes as Uint8Array, found?.run as SegmentRun), run.data)).toBe(0)
          expect(found?.key.startsWith(scope === 'volume' ? `volumes/${run.volumeId}/segments/` : 'segments/')).toBe(true)
        }
        // Every write has a place of its own.
        expect(new Set(acknowledged.map(({ ref }) => refKey(ref))).size).toBe(acknowledged.length)
      }),
      { seed, numRuns },
    )
  })
})

describe('ids of segments', () => {
  test('are never used twice: not after a failure, not by a write that is sent again', async () => {
    const direct = openDirect({ limits: { uploadAttemptsMax: 1 } })
    const { writer, scripted, newVolume } = direct
    const keys: string[] = []
    scripted.onCreate = (forward, key, body, options) => {
      keys.push(key)
      if (keys.length % 3 === 0) return Promise.reject(new StoreError('STORE_UNAVAILABLE', 'down'))
      return forward(key, body, options)
    }
    const run = runOf(newVolume(), [1])
    for (let i = 0; i < 50; i++) await writer.write(run).catch(() => undefined)
    expect(keys.length).toBe(50)
    expect(new Set(keys).size).toBe(50)
  })

  test('I1: two page stores that draw the same id: the second notices, and the first object stays as it is', async () => {
    const [first, second] = [openDirect(), openDirect()]
    const volumeId = first.newVolume()
    second.newVolume()
    second.scripted.onCreate = (_forward, ...args) => first.memory.create(...args)
    second.scripted.onHead = (_forward, key) => first.memory.head(key)
    second.scripted.onGet = (_forward, ...args) => first.memory.get(...args)
    const ref = await first.writer.write(runOf(volumeId, [1]))
    const other = runOf(volumeId, [1])
    other.data.set(noisePage(99))
    await expect(second.writer.write(other)).rejects.toMatchObject({ kind: 'unavailable', code: 'SEGMENT_UPLOAD' })
    expect([...(await storedRuns(first)).keys()]).toEqual([refKey(ref)])
  })
})
