import { deflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  decodeFrame,
  encodeRun,
  FRAME_BYTES_MAX,
  FRAME_HEADER_BYTES,
  newCommitId,
  newSegmentId,
  newVolumeId,
  pagesPerFrame,
  parsePageSize,
  webFrameCodec,
} from '../src/index.ts'
import { outcomeOf } from './outcome.ts'
import { compressibleBytes, countingIdSource, framesOf, randomBytes, reseal, runOf } from './samples.ts'

const seed = Number(process.env['FAST_CHECK_SEED'] ?? 7)
const numRuns = Number(process.env['FAST_CHECK_RUNS'] ?? 200)
const ids = countingIdSource()
const volumeId = newVolumeId(ids)
const otherVolumeId = newVolumeId(ids)
const segmentId = newSegmentId(ids)
const commitId = newCommitId(ids)
const pageSize = parsePageSize(512)

type Frame = Uint8Array<ArrayBuffer>

async function oneFrame(
  pageIndexes: readonly number[],
  fill = compressibleBytes,
  owner: typeof segmentId | typeof commitId = segmentId,
) {
  const run = runOf(volumeId, pageIndexes, 512, fill)
  const encoded = await encodeRun(run, owner, webFrameCodec)
  const checksum = encoded.frames.checksums[0] as bigint
  const [first, last] = [run.pages.first() as number, run.pages.last() as number]
  const expected = { volumeId, ownerId: owner, pageSize, first, last, count: run.pages.size, checksum }
  return { run, bytes: framesOf(encoded)[0] as Frame, expected }
}

describe('frames: laws', () => {
  const pageSizes = fc.constantFrom(512, 1024, 4096, 16384, 65536)
  const pageSets = fc.uniqueArray(fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 2 ** 32 - 1 })), {
    minLength: 1,
    maxLength: 150,
  })

  test('decoding all frames of a run gives its data back, whatever the pages', async () => {
    await fc.assert(
      fc.asyncProperty(pageSets, pageSizes, fc.boolean(), async (pageIndexes, pageBytes, isRandom) => {
        const run = runOf(
          volumeId,
          pageIndexes.slice(0, Math.max(1, 300_000 / pageBytes)),
          pageBytes,
          isRandom ? randomBytes : compressibleBytes,
        )
        const encoded = await encodeRun(run, segmentId, webFrameCodec)
        const perFrame = pagesPerFrame(run.pageSize)
        const frames = framesOf(encoded)
        expect(frames.length).toBe(Math.ceil(run.pages.size / perFrame))
        expect(encoded.byteLength).toBe(encoded.parts.reduce((sum, part) => sum + part.length, 0))
        expect(encoded.byteLength).toBe(frames.reduce((sum, frame) => sum + frame.length, 0))
        const indexes = [...run.pages]
        for (const [frame, bytes] of frames.entries()) {
          expect(bytes.length).toBe(encoded.frames.lengths[frame])
          expect(bytes.length).toBeLessThanOrEqual(FRAME_BYTES_MAX)
          const own = indexes.slice(frame * perFrame, (frame + 1) * perFrame)
          const identity = { first: own[0] as number, last: own.at(-1) as number, count: own.length }
          const checksum = encoded.frames.checksums[frame] as bigint
          const expected = { volumeId, ownerId: segmentId, pageSize: run.pageSize, checksum, ...identity }
          const pages = await decodeFrame(bytes, expected, webFrameCodec)
          const start = frame * perFrame * run.pageSize
          expect(Buffer.compare(pages, run.data.subarray(start, start + own.length * run.pageSize))).toBe(0)
        }
      }),
      { seed, numRuns: Math.min(numRuns, 2000) },
    )
  })

  test('a frame is never longer than its pages and the header', async () => {
    const { bytes, run } = await oneFrame([1, 2, 3], randomBytes)
    expect(bytes.length).toBe(FRAME_HEADER_BYTES + run.data.length)
    expect(bytes[5]).toBe(0)
  })

  test.each([
    [512, 64],
    [4096, 64],
    [8192, 32],
    [65536, 4],
  ])('a full frame of %i-byte pages holds %i', (pageBytes, pages) => {
    expect(pagesPerFrame(parsePageSize(pageBytes))).toBe(pages)
  })

  test('I11: any bytes decode to the pages or throw a typed error', async () => {
    const { expected } = await oneFrame([1, 2, 3])
    const magic = new Uint8Array([0x47, 0x54, 0x53, 0x46, 1, 1, 3, 0])
    const anyBytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.uint8Array({ minLength: 56, maxLength: 300 }).map((rest) => Uint8Array.from([...magic, ...rest])),
    )
    await fc.assert(
      fc.asyncProperty(anyBytes, async (bytes) => {
        expect(await outcomeOf(decodeFrame(bytes, expected, webFrameCodec))).toMatch(/^(corrupt|unsupported) FRAME_/)
      }),
      { seed, numRuns },
    )
  })

  test('I11: a frame with any one bit flipped is refused', async () => {
    const { bytes, expected } = await oneFrame([1, 2, 9])
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const damaged = bytes.slice()
      damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7))
      expect(await outcomeOf(decodeFrame(damaged, expected, webFrameCodec))).toMatch(/^corrupt FRAME_/)
    }
  })

  test('I11: a header that an attacker rewrote and sealed again is refused, or says the same', async () => {
    const { bytes, expected, run } = await oneFrame([1, 2, 9])
    const edits = fc.array(fc.tuple(fc.integer({ min: 4, max: 55 }), fc.nat(255)), { minLength: 1, maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(edits, async (list) => {
        const forged = bytes.slice()
        for (const [offset, byte] of list) forged[offset] = byte
        // The attacker also controls the ref, so its checksum fits.
        const checksum = reseal(forged)
        const isSame = forged.every((byte, i) => byte === bytes[i])
        const decoding = decodeFrame(forged, { ...expected, checksum }, webFrameCodec)
        if (isSame) expect(await decoding).toEqual(run.data)
        else expect(await outcomeOf(decoding)).toMatch(/^(corrupt|unsupported) FRAME_/)
      }),
      { seed, numRuns },
    )
  })
})

describe('frames: each way to be refused (I11)', () => {
  /** Decodes a frame after an edit, sealed again, under a ref whose checksum fits. */
  async function afterEdit(edit: (bytes: Frame, view: DataView) => Frame | undefined, fill = compressibleBytes): Promise<string> {
    const { bytes, expected } = await oneFrame([3, 4, 8], fill)
    const copy = bytes.slice()
    const forged = edit(copy, new DataView(copy.buffer)) ?? copy
    const checksum = forged.length >= FRAME_HEADER_BYTES ? reseal(forged) : expected.checksum
    return outcomeOf(decodeFrame(forged, { ...expected, checksum }, webFrameCodec))
  }

  test('the frame itself passes', async () => {
    expect(await afterEdit(() => undefined)).toBe('ok')
  })

  test('cut within the header: FRAME_TRUNCATED', async () => {
    expect(await afterEdit((bytes) => bytes.slice(0, FRAME_HEADER_BYTES - 1))).toBe('corrupt FRAME_TRUNCATED')
    expect(await afterEdit((bytes) => bytes.slice(0, 0))).toBe('corrupt FRAME_TRUNCATED')
  })

  test('cut within the payload, or longer than it says: FRAME_TRUNCATED', async () => {
    expect(await afterEdit((bytes) => bytes.slice(0, -1))).toBe('corrupt FRAME_TRUNCATED')
    expect(await afterEdit((bytes) => Uint8Array.from([...bytes, 0]))).toBe('corrupt FRAME_TRUNCATED')
  })

  test('another magic: FRAME_MAGIC', async () => {
    expect(await afterEdit((_, view) => void view.setUint32(0, 0x12345678, true))).toBe('corrupt FRAME_MAGIC')
  })

  test('a newer version: FRAME_VERSION, which is not damage', async () => {
    expect(await afterEdit((_, view) => void view.setUint8(4, 2))).toBe('unsupported FRAME_VERSION')
  })

  test.each([3, 255])('codec %i, which this version does not read: FRAME_CODEC', async (codec) => {
    expect(await afterEdit((_, view) => void view.setUint8(5, codec))).toBe('unsupported FRAME_CODEC')
  })

  test.each([
    ['page count', (view: DataView) => view.setUint16(6, 2, true)],
    ['first page', (view: DataView) => view.setUint32(8, 2, true)],
    ['last page', (view: DataView) => view.setUint32(12, 9, true)],
  ])('another %s: FRAME_PAGES', async (_, edit) => {
    expect(await afterEdit((_bytes, view) => void edit(view))).toBe('corrupt FRAME_PAGES')
  })

  test('another raw length: FRAME_LENGTH, before anything is expanded', async () => {
    expect(await afterEdit((_, view) => void view.setUint32(16, 0xffffffff, true))).toBe('corrupt FRAME_LENGTH')
    expect(await afterEdit((_, view) => void view.setUint32(16, 512, true))).toBe('corrupt FRAME_LENGTH')
  })

  test('a raw payload of another length: FRAME_LENGTH', async () => {
    const edit = (bytes: Frame, view: DataView): Frame => {
      view.setUint32(20, bytes.length - FRAME_HEADER_BYTES - 1, true)
      return bytes.slice(0, -1)
    }
    expect(await afterEdit(edit, randomBytes)).toBe('corrupt FRAME_LENGTH')
  })

  test('a zip bomb behind a correct header: FRAME_CONTENT', async () => {
    const bomb = deflateRawSync(new Uint8Array(64 * 2 ** 20))
    const edit = (bytes: Frame, view: DataView): Frame => {
      view.setUint32(20, bomb.length, true)
      return Uint8Array.from([...bytes.subarray(0, FRAME_HEADER_BYTES), ...bomb])
    }
    expect(await afterEdit(edit)).toBe('corrupt FRAME_CONTENT')
  })

  test('a payload that is not DEFLATE: FRAME_CONTENT', async () => {
    expect(await afterEdit((bytes) => void bytes.fill(0xff, FRAME_HEADER_BYTES))).toBe('corrupt FRAME_CONTENT')
  })

  test('another checksum in the ref: FRAME_CHECKSUM', async () => {
    const { bytes, expected } = await oneFrame([1])
    const other = { ...expected, checksum: expected.checksum ^ 1n }
    expect(await outcomeOf(decodeFrame(bytes, other, webFrameCodec))).toBe('corrupt FRAME_CHECKSUM')
  })

  test('a frame of another volume, or of another object: FRAME_FOREIGN', async () => {
    const { bytes, expected } = await oneFrame([1])
    for (const foreign of [{ volumeId: otherVolumeId }, { ownerId: newSegmentId(ids) }, { ownerId: commitId }]) {
      expect(await outcomeOf(decodeFrame(bytes, { ...expected, ...foreign }, webFrameCodec))).toBe('corrupt FRAME_FOREIGN')
    }
  })

  test('a frame of the same volume and segment in the place of another: FRAME_PAGES', async () => {
    const run = runOf(
      volumeId,
      Array.from({ length: 128 }, (_, i) => i + 1),
    )
    const encoded = await encodeRun(run, segmentId, webFrameCodec)
    const { frames } = encoded
    const second = framesOf(encoded)[1] as Frame
    const expected = {
      volumeId,
      ownerId: segmentId,
      pageSize,
      first: 1,
      last: 64,
      count: 64,
      checksum: frames.checksums[1] as bigint,
    }
    expect(await outcomeOf(decodeFrame(second, expected, webFrameCodec))).toBe('corrupt FRAME_PAGES')
  })

  test('a volume of another page size: FRAME_LENGTH', async () => {
    const { bytes, expected } = await oneFrame([1])
    const other = { ...expected, pageSize: parsePageSize(1024) }
    expect(await outcomeOf(decodeFrame(bytes, other, webFrameCodec))).toBe('corrupt FRAME_LENGTH')
  })

  test('frames of a commit pass for that commit', async () => {
    const { bytes, expected, run } = await oneFrame([1, 5], compressibleBytes, commitId)
    expect(await decodeFrame(bytes, expected, webFrameCodec)).toEqual(run.data)
  })
})

describe('encodeRun', () => {
  test.each([
    ['no page', [], 0, 'invalid SET_EMPTY'],
    ['page 0', [0, 1], 1024, 'invalid SET_PAGE_ZERO'],
    ['too few bytes', [1, 2], 1023, 'invalid PAGE_LENGTH'],
    ['too many bytes', [1, 2], 1025, 'invalid PAGE_LENGTH'],
    ['bytes of one page for two', [1, 2], 512, 'invalid PAGE_LENGTH'],
  ])('refuses a run with %s', async (_, pageIndexes, dataBytes, outcome) => {
    const { pages } = runOf(volumeId, pageIndexes)
    const run = { volumeId, pageSize, pages, data: new Uint8Array(dataBytes) }
    expect(await outcomeOf(encodeRun(run, segmentId, webFrameCodec))).toBe(outcome)
  })
})
