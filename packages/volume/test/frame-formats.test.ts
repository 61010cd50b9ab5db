import { zstdCompressSync } from 'node:zlib'
import { SplinterView } from '@graft-ts/splinter'
import { Crc64Nvme } from '@graft-ts/splinter/crc64'
import { afterEach, describe, expect, test, vi } from 'vitest'
import {
  decodeFrame,
  encodeRun,
  FRAME_HEADER_BYTES,
  type FrameCodec,
  newSegmentId,
  newVolumeId,
  SegmentBuilder,
  webFrameCodec,
  type ZstdCodec,
} from '../src/index.ts'
import { createNodeFrameCodec } from '../src/node.ts'
import { outcomeOf } from './outcome.ts'
import { compressibleBytes, countingIdSource, framesOf, randomBytes, reseal, runOf } from './samples.ts'

const ids = countingIdSource()
const volumeId = newVolumeId(ids)
const segmentId = newSegmentId(ids)
const codec = createNodeFrameCodec()
const without: FrameCodec = { deflateRaw: codec.deflateRaw, inflateRaw: codec.inflateRaw }

afterEach(() => {
  vi.restoreAllMocks()
})

async function frameBy(writer: FrameCodec, pages: readonly number[] = [3, 4, 8], fill = compressibleBytes) {
  const run = runOf(volumeId, pages, 512, fill)
  const encoded = await encodeRun(run, segmentId, writer)
  const bytes = framesOf(encoded)[0] as Uint8Array<ArrayBuffer>
  const checksum = encoded.frames.checksums[0] as bigint
  const [first, last] = [pages[0] as number, pages.at(-1) as number]
  const expected = { volumeId, ownerId: segmentId, pageSize: run.pageSize, first, last, count: pages.length, checksum }
  return { run, encoded, bytes, expected }
}

describe('the format of a frame', () => {
  test.each([
    ['raw', 0],
    ['deflate-raw', 1],
    ['zstd', 2],
  ] as const)('%s is codec %i, and every reader that has it reads it', async (format, codecByte) => {
    const { bytes, expected, run } = await frameBy(createNodeFrameCodec({ format }))
    expect(bytes[5]).toBe(codecByte)
    // A writer's format says nothing about what it reads.
    for (const reader of ['raw', 'deflate-raw', 'zstd'] as const) {
      expect(await decodeFrame(bytes, expected, createNodeFrameCodec({ format: reader }))).toEqual(run.data)
    }
  })

  test('deflate-raw is what a codec that does not say writes', async () => {
    expect((await frameBy(without)).bytes[5]).toBe(1)
  })

  test.each(['deflateRaw', 'zstd'])('%s is kept only if it makes a frame smaller by an eighth', async (method) => {
    const oneEighth = 512 - 64
    for (const [length, isKept] of [
      [oneEighth, true],
      [oneEighth + 1, false],
    ] as const) {
      const compress = async () => new Uint8Array(length)
      const zstd = { compress, expand: codec.zstd?.expand } as ZstdCodec
      const fake = method === 'zstd' ? { ...codec, format: 'zstd' as const, zstd } : { ...codec, deflateRaw: compress }
      const { bytes } = await frameBy(fake, [1])
      expect(bytes[5]).toBe(isKept ? { deflateRaw: 1, zstd: 2 }[method] : 0)
      expect(bytes.length).toBe(FRAME_HEADER_BYTES + (isKept ? length : 512))
    }
  })

  test('what looks random, or is to be raw, is not compressed in vain', async () => {
    const deflateRaw = vi.fn<FrameCodec['deflateRaw']>(codec.deflateRaw)
    const pages = [1, 2, 3, 4, 5, 6, 7, 8]
    await frameBy({ ...codec, deflateRaw }, pages, randomBytes)
    await frameBy({ ...codec, deflateRaw, format: 'raw' }, pages)
    expect(deflateRaw).not.toHaveBeenCalled()
    await frameBy({ ...codec, deflateRaw }, pages)
    expect(deflateRaw).toHaveBeenCalledTimes(1)
  })

  test('a codec that lacks what it is to write is refused', async () => {
    expect(await outcomeOf(frameBy({ ...without, format: 'zstd' }))).toBe('unsupported CODEC_UNSUPPORTED')
  })
})

describe('reading a frame (I11)', () => {
  test('in a format that the reader lacks: not damage', async () => {
    const { bytes, expected } = await frameBy(createNodeFrameCodec({ format: 'zstd' }))
    expect(await outcomeOf(decodeFrame(bytes, expected, without))).toBe('unsupported FRAME_CODEC')
    // The streams of Node have no zstd; the codec says so when it is asked.
    expect(await outcomeOf(decodeFrame(bytes, expected, webFrameCodec))).toBe('unsupported FRAME_CODEC')
  })

  test('in a format that nobody knows: not damage, for any reader', async () => {
    const { bytes, expected } = await frameBy(codec)
    for (const codecByte of [3, 255]) {
      const forged = bytes.slice()
      forged[5] = codecByte
      const checksum = reseal(forged)
      expect(await outcomeOf(decodeFrame(forged, { ...expected, checksum }, codec))).toBe('unsupported FRAME_CODEC')
    }
  })

  test.each(['deflate-raw', 'zstd'] as const)('%s: a codec that fails untyped, or gives another length', async (format) => {
    const { bytes, expected } = await frameBy(createNodeFrameCodec({ format }))
    const failing = () => Promise.reject(new TypeError('bad data'))
    const longer = async (_: Uint8Array, rawBytes: number) => new Uint8Array(rawBytes + 1)
    for (const expand of [failing, longer]) {
      const reader = { ...codec, inflateRaw: expand, zstd: { ...(codec.zstd as ZstdCodec), expand } }
      expect(await outcomeOf(decodeFrame(bytes, expected, reader))).toBe('corrupt FRAME_CONTENT')
    }
  })

  test('zstd: a bomb behind a correct header', async () => {
    const { bytes, expected } = await frameBy(createNodeFrameCodec({ format: 'zstd' }))
    const bomb = zstdCompressSync(new Uint8Array(64 * 2 ** 20))
    const forged = Uint8Array.from([...bytes.subarray(0, FRAME_HEADER_BYTES), ...bomb])
    new DataView(forged.buffer).setUint32(20, bomb.length, true)
    const checksum = reseal(forged)
    expect(await outcomeOf(decodeFrame(forged, { ...expected, checksum }, codec))).toBe('corrupt FRAME_CONTENT')
  })

  test('a raw frame is not copied', async () => {
    const { bytes, expected } = await frameBy(createNodeFrameCodec({ format: 'raw' }))
    expect((await decodeFrame(bytes, expected, codec)).buffer).toBe(bytes.buffer)
  })
})

describe('what a segment costs', () => {
  const pages = Array.from({ length: 200 }, (_, i) => i * 2 + 1)

  /** Counts the bytes that go through the checksum, and those that are copied. */
  function meter() {
    const counts = { checked: 0, copied: 0 }
    const { update } = Crc64Nvme.prototype
    vi.spyOn(Crc64Nvme.prototype, 'update').mockImplementation(function (this: Crc64Nvme, bytes) {
      counts.checked += bytes.length
      return update.call(this, bytes)
    })
    const { set } = Uint8Array.prototype
    vi.spyOn(Uint8Array.prototype, 'set').mockImplementation(function (this: Uint8Array, bytes, offset) {
      counts.copied += bytes.length
      return set.call(this, bytes, offset)
    })
    return counts
  }

  test('each byte is checksummed once and copied once', async () => {
    const made = runOf(volumeId, pages, 512, randomBytes)
    // Another set would be encoded, and checksummed, each time its bytes are asked for.
    const run = { ...made, pages: new SplinterView(made.pages.toBytes()) }
    const counts = meter()
    const builder = new SegmentBuilder({ segmentId, codec })
    await builder.add(run)
    const segment = builder.finish()
    // The pages are raw: what is counted beside them are headers, the index and the footer.
    const around = segment.length - run.data.length
    expect(counts.checked).toBeLessThanOrEqual(segment.length)
    expect(counts.copied).toBeLessThanOrEqual(run.data.length + 4 * around)
    expect(counts.checked).toBeGreaterThan(run.data.length)
  })

  test('a frame is checksummed once when it is read, and copied never', async () => {
    const { bytes, expected } = await frameBy(createNodeFrameCodec({ format: 'raw' }))
    const counts = meter()
    await decodeFrame(bytes, expected, codec)
    expect(counts.checked).toBe(bytes.length - 8)
    expect(counts.copied).toBeLessThan(FRAME_HEADER_BYTES)
  })
})
