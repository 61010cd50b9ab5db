import { Splinter, SplinterView } from '@graft-ts/splinter'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  decodeFrame,
  decodeSegmentIndex,
  decodeSegmentRef,
  encodeSegmentRef,
  frameOf,
  framePages,
  frameRange,
  newSegmentId,
  newVolumeId,
  type PageSize,
  parsePageSize,
  RECORD_PAYLOAD_BYTES_MAX,
  runBytesMax,
  SEGMENT_BYTES_MAX,
  SEGMENT_FOOTER_BYTES,
  SEGMENT_OVERHEAD_BYTES,
  SegmentBuilder,
  type SegmentRef,
  sealRecord,
  type VolumeId,
  webFrameCodec,
} from '../src/index.ts'
import { footed } from './forge.ts'
import { outcomeOf } from './outcome.ts'
import { countingIdSource, expectationOf, randomBytes, runOf } from './samples.ts'

const seed = Number(process.env['FAST_CHECK_SEED'] ?? 7)
const numRuns = Number(process.env['FAST_CHECK_RUNS'] ?? 200)
const ids = countingIdSource()
const volumeA = newVolumeId(ids)
const volumeB = newVolumeId(ids)

async function build(runs: readonly { volumeId: VolumeId; pages: readonly number[]; pageBytes?: number }[]) {
  const builder = new SegmentBuilder({ segmentId: newSegmentId(ids), codec: webFrameCodec })
  const sources = runs.map(({ volumeId, pages, pageBytes }) => runOf(volumeId, pages, pageBytes))
  const refs = await Promise.all(sources.map((run) => builder.add(run)))
  return { builder, sources, refs, bytes: builder.finish() }
}

/** Reads a page the way a page store does: one ranged read by the ref alone. */
async function readPage(segment: Uint8Array, ref: SegmentRef, volumeId: VolumeId, pageSize: PageSize, pageIndex: number) {
  const place = frameOf(ref, pageSize, pageIndex)
  if (place === undefined) return undefined
  const { offset, length } = frameRange(ref, place.frame)
  const expected = expectationOf(ref, volumeId, pageSize, place.frame)
  const pages = await decodeFrame(segment.subarray(offset, offset + length), expected, webFrameCodec)
  return pages.slice(place.position * pageSize, (place.position + 1) * pageSize)
}

describe('SegmentBuilder', () => {
  test('every page of every run is found by its ref alone', async () => {
    const many = Array.from({ length: 150 }, (_, i) => i * 3 + 1)
    const { sources, refs, bytes } = await build([
      { volumeId: volumeA, pages: [1, 2, 4_000_000_000] },
      { volumeId: volumeB, pages: many, pageBytes: 4096 },
      { volumeId: volumeA, pages: [2] },
    ])
    for (const [i, run] of sources.entries()) {
      const ref = refs[i] as SegmentRef
      let offset = 0
      for (const pageIndex of run.pages) {
        const page = await readPage(bytes, ref, run.volumeId, run.pageSize, pageIndex)
        expect(page).toEqual(run.data.slice(offset, offset + run.pageSize))
        offset += run.pageSize
      }
      expect(await readPage(bytes, ref, run.volumeId, run.pageSize, 3)).toBeUndefined()
    }
  })

  test('describes itself: the index lists every run as its writer got it', async () => {
    const { builder, refs, sources, bytes } = await build([
      { volumeId: volumeA, pages: [1, 2] },
      { volumeId: volumeB, pages: [7], pageBytes: 65536 },
    ])
    const index = decodeSegmentIndex(bytes)
    expect(index.segmentId).toBe(builder.segmentId)
    // Runs lie in the order in which they were compressed.
    expect(new Map(index.runs.map((run) => [run.volumeId, run.pageSize]))).toEqual(
      new Map([
        [volumeA, 512],
        [volumeB, 65536],
      ]),
    )
    expect(index.runs).toHaveLength(2)
    for (const run of index.runs) {
      const i = sources.findIndex(({ volumeId }) => volumeId === run.volumeId)
      expect([...run.ref.pages]).toEqual([...(sources[i] as { pages: Splinter }).pages])
      expect(encodeSegmentRef(run.ref)).toEqual(encodeSegmentRef(refs[i] as SegmentRef))
    }
  })

  test('runs that are added at the same time do not interleave', async () => {
    const { bytes, refs } = await build(Array.from({ length: 20 }, (_, i) => ({ volumeId: volumeA, pages: [i + 1, i + 2] })))
    const ranges = refs.map((ref) => frameRange(ref, 0)).sort((a, b) => a.offset - b.offset)
    let end = 0
    for (const range of ranges) {
      expect(range.offset).toBe(end)
      end += range.length
    }
    expect(end).toBeLessThan(bytes.length)
  })

  test('refuses what does not fit, and stays as it was', async () => {
    const builder = new SegmentBuilder({ segmentId: newSegmentId(ids), codec: webFrameCodec, bytesMax: 4096 })
    await builder.add(runOf(volumeA, [1, 2], 512, randomBytes))
    const before = builder.byteLength
    expect(await outcomeOf(builder.add(runOf(volumeA, [1, 2, 3, 4, 5, 6], 512, randomBytes)))).toBe('exhausted SEGMENT_FULL')
    expect([builder.byteLength, builder.runCount]).toEqual([before, 1])
    await builder.add(runOf(volumeA, [9], 512, randomBytes))
    expect(decodeSegmentIndex(builder.finish()).runs.length).toBe(2)
  })

  test('many small runs: the index counts, and the segment stays within its limit', async () => {
    const bytesMax = 64 * 1024
    const builder = new SegmentBuilder({ segmentId: newSegmentId(ids), codec: webFrameCodec, bytesMax })
    let outcome = 'ok'
    while (outcome === 'ok') outcome = await outcomeOf(builder.add(runOf(volumeA, [builder.runCount + 1])))
    expect(outcome).toBe('exhausted SEGMENT_FULL')
    const bytes = builder.finish()
    expect(bytes.length).toBeLessThanOrEqual(bytesMax)
    expect(decodeSegmentIndex(bytes).runs.length).toBe(builder.runCount)
  })

  test('a run may fill it to its last byte', async () => {
    const run = runOf(volumeA, [1, 2], 512, randomBytes)
    const { frames, index } = runBytesMax(new SplinterView(run.pages.toBytes()), run.pageSize)
    for (const [less, outcome] of [
      [0, 'ok'],
      [1, 'exhausted SEGMENT_FULL'],
    ] as const) {
      const bytesMax = SEGMENT_OVERHEAD_BYTES + frames + index - less
      const builder = new SegmentBuilder({ segmentId: newSegmentId(ids), codec: webFrameCodec, bytesMax })
      expect(await outcomeOf(builder.add(run))).toBe(outcome)
    }
  })

  test('an index is no longer than a record may be', () => {
    const builder = new SegmentBuilder({ segmentId: newSegmentId(ids), codec: webFrameCodec })
    // Odd pages of a large range: 64 KiB of set each, without their data, which is not looked at here.
    const pages = new SplinterView(Splinter.from(Array.from({ length: 262_144 }, (_, i) => 2 * i + 1)).toBytes())
    const encoded = { parts: [], frames: { lengths: new Uint32Array(0), checksums: new BigUint64Array(0) }, byteLength: 0 }
    const run = { ...runOf(volumeA, [1]), pages }
    const { index } = runBytesMax(pages, run.pageSize)
    const most = Math.floor(RECORD_PAYLOAD_BYTES_MAX / index)
    expect(most).toBeGreaterThan(10)
    for (let i = 0; i < most; i++) builder.append(run, encoded)
    expect(() => builder.append(run, encoded)).toThrow(expect.objectContaining({ code: 'SEGMENT_FULL' }))
  })

  test('a segment over 64 MiB cannot be asked for', () => {
    const options = { segmentId: newSegmentId(ids), codec: webFrameCodec }
    expect(() => new SegmentBuilder({ ...options, bytesMax: SEGMENT_BYTES_MAX + 1 })).toThrow(
      expect.objectContaining({ kind: 'exhausted', code: 'SEGMENT_FULL' }),
    )
    expect(() => new SegmentBuilder({ ...options, bytesMax: SEGMENT_BYTES_MAX })).not.toThrow()
  })

  test('runBytesMax is never below what a run takes', async () => {
    const pageSets = fc.uniqueArray(fc.integer({ min: 1, max: 2 ** 32 - 1 }), { minLength: 1, maxLength: 130 })
    await fc.assert(
      fc.asyncProperty(fc.array(pageSets, { minLength: 1, maxLength: 4 }), async (sets) => {
        const builder = new SegmentBuilder({ segmentId: newSegmentId(ids), codec: webFrameCodec })
        let bytesMax = SEGMENT_OVERHEAD_BYTES
        for (const set of sets) {
          const run = runOf(volumeA, set, 512, randomBytes)
          const most = runBytesMax(new SplinterView(run.pages.toBytes()), run.pageSize)
          const before = builder.byteLength
          await builder.add(run)
          expect(builder.byteLength - before).toBeLessThanOrEqual(most.frames)
          bytesMax += most.frames + most.index
        }
        expect(builder.finish().length).toBeLessThanOrEqual(bytesMax)
      }),
      { seed, numRuns: Math.min(numRuns, 1000) },
    )
  })
})

describe('decodeSegmentIndex (I11)', () => {
  const sample = () => build([{ volumeId: volumeA, pages: [1, 2, 70] }])

  test('every truncation is refused', async () => {
    const { bytes } = await sample()
    for (let length = 0; length < bytes.length; length++) {
      expect(await outcomeOf(Promise.resolve().then(() => decodeSegmentIndex(bytes.subarray(0, length))))).toMatch(/^corrupt /)
    }
  })

  test('any one bit flipped in index or footer is refused', async () => {
    const { bytes, builder } = await sample()
    for (let bit = builder.byteLength * 8; bit < bytes.length * 8; bit++) {
      const damaged = bytes.slice()
      damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7))
      expect(await outcomeOf(Promise.resolve().then(() => decodeSegmentIndex(damaged)))).toMatch(/^corrupt /)
    }
  })

  test('any bytes, even behind a correct footer, are refused with a typed error', () => {
    const withFooter = fc
      .tuple(fc.uint8Array({ maxLength: 200 }), fc.nat(220))
      .map(([body, indexBytes]) => footed(body, { indexBytes }))
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 100 }), withFooter), (bytes) => {
        expect(codeOf(() => decodeSegmentIndex(bytes))).toMatch(/^(corrupt|unsupported) (SEGMENT|RECORD)_/)
      }),
      { seed, numRuns },
    )
  })

  test('each field of the footer', () => {
    const body = new Uint8Array(40)
    expect(codeOf(() => decodeSegmentIndex(new Uint8Array(SEGMENT_FOOTER_BYTES - 1)))).toBe('corrupt SEGMENT_TRUNCATED')
    expect(codeOf(() => decodeSegmentIndex(footed(body, { magic: 1 })))).toBe('corrupt SEGMENT_MAGIC')
    expect(codeOf(() => decodeSegmentIndex(footed(body, { version: 2 })))).toBe('unsupported SEGMENT_VERSION')
    expect(codeOf(() => decodeSegmentIndex(footed(body, { total: 57 })))).toBe('corrupt SEGMENT_TRUNCATED')
    expect(codeOf(() => decodeSegmentIndex(footed(body, { indexBytes: 41 })))).toBe('corrupt SEGMENT_INDEX')
    expect(codeOf(() => decodeSegmentIndex(footed(body, { indexBytes: 0xffffffff })))).toBe('corrupt SEGMENT_INDEX')
    expect(codeOf(() => decodeSegmentIndex(footed(body, { indexBytes: 40 })))).toBe('corrupt RECORD_MAGIC')
  })

  test('an index record of another kind, or with content that is no index', () => {
    const other = sealRecord('commit', new Uint8Array(0))
    expect(codeOf(() => decodeSegmentIndex(footed(other, { indexBytes: other.length })))).toBe('corrupt RECORD_KIND')
    const empty = sealRecord('segment-index', new Uint8Array(0))
    expect(codeOf(() => decodeSegmentIndex(footed(empty, { indexBytes: empty.length })))).toBe('corrupt RECORD_CONTENT')
    const noise = sealRecord('segment-index', Uint8Array.of(0xff, 0xff))
    expect(codeOf(() => decodeSegmentIndex(footed(noise, { indexBytes: noise.length })))).toBe('corrupt RECORD_CONTENT')
  })

  test('an index whose runs lie outside the segment', async () => {
    const { bytes, builder } = await sample()
    // The frames are cut away: the index is whole, and what it lists is gone.
    const indexBytes = bytes.length - builder.byteLength - SEGMENT_FOOTER_BYTES
    const index = bytes.slice(builder.byteLength, builder.byteLength + indexBytes)
    expect(codeOf(() => decodeSegmentIndex(footed(index, { indexBytes })))).toBe('corrupt RECORD_CONTENT')
  })
})

describe('segment refs', () => {
  const pageSize = parsePageSize(512)

  test('decoding gives back what was encoded', async () => {
    const { refs } = await build([{ volumeId: volumeA, pages: Array.from({ length: 100 }, (_, i) => i * 1000 + 1) }])
    const ref = refs[0] as SegmentRef
    const decoded = decodeSegmentRef(encodeSegmentRef(ref))
    expect({ ...decoded, pages: [...decoded.pages] }).toEqual({ ...ref, pages: [...ref.pages] })
    expect(encodeSegmentRef(decoded)).toEqual(encodeSegmentRef(ref))
  })

  test('frames of a run: pages and ranges fit together', async () => {
    const indexes = Array.from({ length: 130 }, (_, i) => i * 2 + 1)
    const { refs } = await build([
      { volumeId: volumeA, pages: [9] },
      { volumeId: volumeA, pages: indexes },
    ])
    const ref = refs[1] as SegmentRef
    expect([0, 1, 2].map((frame) => framePages(ref, pageSize, frame))).toEqual([
      { first: 1, last: 127, count: 64 },
      { first: 129, last: 255, count: 64 },
      { first: 257, last: 259, count: 2 },
    ])
    const ranges = [0, 1, 2].map((frame) => frameRange(ref, frame))
    expect(ranges[0]?.offset).toBe(ref.offset)
    expect(ranges[1]?.offset).toBe(ref.offset + (ref.frames.lengths[0] as number))
    expect(frameOf(ref, pageSize, 129)).toEqual({ frame: 1, position: 0 })
    expect(frameOf(ref, pageSize, 259)).toEqual({ frame: 2, position: 1 })
    expect(frameOf(ref, pageSize, 130)).toBeUndefined()
    expect(frameOf(ref, pageSize, 261)).toBeUndefined()
  })

  test('I11: any bytes are a ref or throw a typed error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
        expect(codeOf(() => decodeSegmentRef(bytes))).toMatch(/^(ok|corrupt RECORD_CONTENT)$/)
      }),
      { seed, numRuns },
    )
  })

  test('I11: a damaged ref is refused or is another ref, never a crash', async () => {
    const { refs } = await build([{ volumeId: volumeA, pages: [1, 2, 3, 500, 70000] }])
    const bytes = encodeSegmentRef(refs[0] as SegmentRef)
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), (offset, byte) => {
        const damaged = bytes.slice()
        damaged[offset] = byte
        expect(codeOf(() => decodeSegmentRef(damaged))).toMatch(/^(ok|corrupt RECORD_CONTENT)$/)
      }),
      { seed, numRuns },
    )
  })
})

function codeOf(call: () => unknown): string {
  try {
    call()
    return 'ok'
  } catch (error) {
    const { kind, code } = error as { kind: string; code: string }
    return `${kind} ${code}`
  }
}
