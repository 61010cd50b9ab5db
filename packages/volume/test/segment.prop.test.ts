import { Splinter } from '@graft-ts/splinter'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  decodeFrame,
  decodeSegmentIndex,
  encodeSegmentRef,
  frameRange,
  newSegmentId,
  newVolumeId,
  type Run,
  SegmentBuilder,
  type SegmentRun,
} from '../src/index.ts'
import { createNodeFrameCodec } from '../src/node.ts'
import { compressibleBytes, countingIdSource, expectationOf, randomBytes, runOf } from './samples.ts'

const seed = Number(process.env['FAST_CHECK_SEED'] ?? 7)
const numRuns = Number(process.env['FAST_CHECK_RUNS'] ?? 100)
const ids = countingIdSource()
const volumes = [newVolumeId(ids), newVolumeId(ids), newVolumeId(ids)]
const reader = createNodeFrameCodec()

const runs = fc.array(
  fc.record({
    volume: fc.nat(2),
    pages: fc.oneof(
      fc.uniqueArray(fc.integer({ min: 1, max: 2 ** 32 - 1 }), { minLength: 1, maxLength: 130, size: 'max' }),
      fc.tuple(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: 200 })).map(([first, count]) => {
        return Array.from({ length: count }, (_, i) => first + i)
      }),
    ),
    pageBytes: fc.constantFrom(512, 4096),
    isNoise: fc.boolean(),
  }),
  { minLength: 1, maxLength: 8 },
)

/** The pages of a run, from the bytes of its segment. */
async function rebuilt(segment: Uint8Array, { volumeId, pageSize, ref }: SegmentRun): Promise<Run> {
  const frames = Array.from(ref.frames.lengths, (_, frame) => {
    const { offset, length } = frameRange(ref, frame)
    return decodeFrame(segment.subarray(offset, offset + length), expectationOf(ref, volumeId, pageSize, frame), reader)
  })
  return { volumeId, pageSize, pages: ref.pages, data: Buffer.concat(await Promise.all(frames)) }
}

test('every run is rebuilt from the bytes of its segment alone, whatever format it was written in', async () => {
  const formats = fc.constantFrom('raw' as const, 'deflate-raw' as const, 'zstd' as const)
  await fc.assert(
    fc.asyncProperty(runs, formats, async (list, format) => {
      const segmentId = newSegmentId(ids)
      const builder = new SegmentBuilder({ segmentId, codec: createNodeFrameCodec({ format }) })
      const written = list.map(({ volume, pages, pageBytes, isNoise }) =>
        runOf(volumes[volume] as (typeof volumes)[0], pages, pageBytes, isNoise ? randomBytes : compressibleBytes),
      )
      const refs = []
      for (const run of written) refs.push(await builder.add(run))
      const segment = builder.finish()

      const index = decodeSegmentIndex(segment)
      expect(index.segmentId).toBe(segmentId)
      expect(index.runs.map(({ ref }) => encodeSegmentRef(ref))).toEqual(refs.map(encodeSegmentRef))
      for (const [i, { volumeId, pageSize, pages, data }] of written.entries()) {
        const found = await rebuilt(segment, index.runs[i] as SegmentRun)
        expect([found.volumeId, found.pageSize]).toEqual([volumeId, pageSize])
        expect(Splinter.from(found.pages).toBytes()).toEqual(Splinter.from(pages).toBytes())
        expect(Buffer.compare(found.data, data)).toBe(0)
      }
    }),
    { seed, numRuns },
  )
})
