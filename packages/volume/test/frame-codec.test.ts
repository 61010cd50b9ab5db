import { Duplex } from 'node:stream'
import {
  createZstdCompress,
  createZstdDecompress,
  deflateRawSync,
  inflateRawSync,
  zstdCompressSync,
  zstdDecompressSync,
} from 'node:zlib'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createWebFrameCodec, type FrameCodec, type SegmentError, webFrameCodec, type ZstdCodec } from '../src/index.ts'
import { createNodeFrameCodec } from '../src/node.ts'
import { outcomeOf } from './outcome.ts'
import { randomBytes } from './samples.ts'

const text = new TextEncoder().encode('pages of many volumes, '.repeat(400))
// Over the length from which the codec of Node asks its threads.
const long = new TextEncoder().encode('pages of many volumes, '.repeat(4000))

afterEach(() => {
  vi.unstubAllGlobals()
})

/** Compression streams of a runtime that has zstd, which Node has only in `node:zlib`. */
function stubZstdStreams(): void {
  const standIn = (open: () => Duplex) =>
    function Stream(format: string) {
      if (format !== 'zstd') throw new TypeError('stand-in for zstd alone')
      return Duplex.toWeb(open())
    }
  vi.stubGlobal('CompressionStream', standIn(createZstdCompress))
  vi.stubGlobal('DecompressionStream', standIn(createZstdDecompress))
}

interface Sides {
  readonly compress: ZstdCodec['compress']
  readonly expand: ZstdCodec['expand']
  /** The same by `node:zlib` itself. */
  readonly theirs: (raw: Uint8Array) => Uint8Array
  readonly read: (stored: Uint8Array) => Uint8Array
}

const deflate = ({ deflateRaw, inflateRaw }: FrameCodec): Sides => ({
  compress: deflateRaw,
  expand: inflateRaw,
  theirs: (raw) => new Uint8Array(deflateRawSync(raw)),
  read: (stored) => new Uint8Array(inflateRawSync(stored)),
})
const zstd = ({ zstd }: FrameCodec): Sides => ({
  ...(zstd as ZstdCodec),
  theirs: (raw) => new Uint8Array(zstdCompressSync(raw)),
  read: (stored) => new Uint8Array(zstdDecompressSync(stored)),
})

describe.each<[string, Sides, () => void]>([
  ['web streams, deflate-raw', deflate(webFrameCodec), () => undefined],
  ['web streams, zstd', zstd(webFrameCodec), stubZstdStreams],
  ['node:zlib, deflate-raw', deflate(createNodeFrameCodec()), () => undefined],
  ['node:zlib, zstd', zstd(createNodeFrameCodec()), () => undefined],
])('%s', (_, { compress, expand, theirs, read }, prepare) => {
  test.each([text, long])('expands what it compressed', async (raw) => {
    prepare()
    const stored = await compress(raw)
    expect(stored.length).toBeLessThan(raw.length / 8)
    expect(await expand(stored, raw.length)).toEqual(raw)
  })

  test('writes what others read, and reads theirs', async () => {
    prepare()
    expect(read(await compress(text))).toEqual(text)
    expect(await expand(theirs(text), text.length)).toEqual(text)
  })

  test.each([0, 1, text.length - 1, text.length + 1, 2 * text.length, long.length])(
    'I11: refuses bytes that expand to another length than %i',
    async (rawBytes) => {
      prepare()
      const stored = await compress(text)
      expect(await outcomeOf(expand(stored, rawBytes))).toBe('corrupt FRAME_CONTENT')
    },
  )

  test('I11: refuses every truncation', async () => {
    prepare()
    const stored = await compress(text)
    for (let length = 0; length < stored.length; length++) {
      expect(await outcomeOf(expand(stored.subarray(0, length), text.length))).toBe('corrupt FRAME_CONTENT')
    }
  })

  test('I11: refuses noise', async () => {
    prepare()
    for (let i = 0; i < 50; i++) expect(await outcomeOf(expand(randomBytes(100, i), 4096))).toBe('corrupt FRAME_CONTENT')
  })

  test('I11: a zip bomb stops soon after the expected length', async () => {
    prepare()
    const bomb = theirs(new Uint8Array(512 * 2 ** 20))
    expect(bomb.length).toBeLessThan(2 ** 20)
    for (const rawBytes of [4096, 262_144]) {
      const before = process.memoryUsage().arrayBuffers
      const error = await expand(bomb, rawBytes).catch((e: unknown) => e as SegmentError)
      expect(error).toMatchObject({ kind: 'corrupt', code: 'FRAME_CONTENT' })
      // Expanding it whole would take 512 MiB; a few chunks of read-ahead are the stream's own business.
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32 * 2 ** 20)
    }
  })

  test('leaves the bytes it was given alone, and gives bytes that are nobody else’s', async () => {
    prepare()
    const raw = text.slice()
    const stored = await compress(raw)
    const copy = stored.slice()
    const expanded = await expand(stored, raw.length)
    expect(raw).toEqual(text)
    expect(stored).toEqual(copy)
    for (const bytes of [stored, expanded]) {
      expect(Object.getPrototypeOf(bytes)).toBe(Uint8Array.prototype)
      expect(bytes.buffer.byteLength).toBe(bytes.length)
    }
  })

  test('many at once do not get in each other’s way', async () => {
    prepare()
    const raws = Array.from({ length: 40 }, (_, i) => new Uint8Array(i % 2 === 0 ? 512 : 40_000).fill(i))
    const stored = await Promise.all(raws.map(compress))
    expect(await Promise.all(stored.map((bytes, i) => expand(bytes, (raws[i] as Uint8Array).length)))).toEqual(raws)
  })
})

// The stand-in for web streams with zstd does not look behind the end, as those of the standard do.
describe.each<[string, Sides]>([
  ['web streams, deflate-raw', deflate(webFrameCodec)],
  ['node:zlib, deflate-raw', deflate(createNodeFrameCodec())],
  ['node:zlib, zstd', zstd(createNodeFrameCodec())],
])('%s', (_, { compress, expand }) => {
  test.each([text, long])('I11: refuses bytes behind the end of the stream', async (raw) => {
    const stored = new Uint8Array([...(await compress(raw)), 0])
    expect(await outcomeOf(expand(stored, raw.length))).toBe('corrupt FRAME_CONTENT')
  })
})

describe('zstd that the runtime lacks', () => {
  test('web streams: told when the codec is made, and by frames', async () => {
    // Node has it in `node:zlib` alone.
    expect(() => createWebFrameCodec({ format: 'zstd' })).toThrow(
      expect.objectContaining({ kind: 'unsupported', code: 'CODEC_UNSUPPORTED' }),
    )
    expect(await outcomeOf((webFrameCodec.zstd as ZstdCodec).compress(text))).toBe('unsupported CODEC_UNSUPPORTED')
    expect(await outcomeOf((webFrameCodec.zstd as ZstdCodec).expand(text, 1))).toBe('unsupported FRAME_CODEC')
  })

  test('web streams that have it', () => {
    stubZstdStreams()
    expect(createWebFrameCodec({ format: 'zstd' }).format).toBe('zstd')
  })

  test('a failure that is not about the format is not taken for one', async () => {
    const failure = new RangeError('out of memory')
    vi.stubGlobal('CompressionStream', function Stream() {
      throw failure
    })
    await expect(webFrameCodec.deflateRaw(text)).rejects.toBe(failure)
  })
})

describe('createNodeFrameCodec', () => {
  test.each<[object, string]>([
    [{}, 'deflate-raw'],
    [{ format: 'raw' }, 'raw'],
    [{ format: 'zstd', level: 19 }, 'zstd'],
    [{ level: 9 }, 'deflate-raw'],
    [{ level: 1 }, 'deflate-raw'],
  ])('%j writes %s', (options, format) => {
    expect(createNodeFrameCodec(options).format).toBe(format)
  })

  test.each<object>([
    { format: 'gzip' },
    { format: 'toString' },
    { level: 0 },
    { level: 10 },
    { level: 1.5 },
    { level: Number.NaN },
    { format: 'zstd', level: 20 },
  ])('refuses %j', (options) => {
    expect(() => createNodeFrameCodec(options)).toThrow(
      expect.objectContaining({ kind: 'unsupported', code: 'CODEC_UNSUPPORTED' }),
    )
  })

  test('a runtime whose node:zlib has no zstd: told when the codec is made, and by frames', async () => {
    vi.resetModules()
    vi.doMock('node:zlib', async (original) => ({
      ...(await original<object>()),
      zstdCompress: undefined,
      zstdDecompress: undefined,
      zstdDecompressSync: undefined,
    }))
    const older = await import('../src/node.ts')
    vi.doUnmock('node:zlib')
    expect(() => older.createNodeFrameCodec({ format: 'zstd' })).toThrow(
      expect.objectContaining({ kind: 'unsupported', code: 'CODEC_UNSUPPORTED' }),
    )
    const codec = older.createNodeFrameCodec()
    expect(codec.zstd).toBeUndefined()
    expect(await codec.inflateRaw(await codec.deflateRaw(text), text.length)).toEqual(text)
  })

  test('level 3 is the default', async () => {
    const raw = Uint8Array.from({ length: 100_000 }, (_, i) => ((i * i) >> 7) & 31)
    for (const format of ['deflate-raw', 'zstd'] as const) {
      const [usual, third] = [createNodeFrameCodec({ format }), createNodeFrameCodec({ format, level: 3 })]
      expect(await usual.deflateRaw(raw)).toEqual(await third.deflateRaw(raw))
      expect(await usual.zstd?.compress(raw)).toEqual(await third.zstd?.compress(raw))
    }
    const [second, usual] = [createNodeFrameCodec({ level: 2 }), createNodeFrameCodec()]
    expect((await second.deflateRaw(raw)).length).not.toBe((await usual.deflateRaw(raw)).length)
  })

  test('the level counts', async () => {
    const raw = Uint8Array.from({ length: 100_000 }, (_, i) => ((i * i) >> 7) & 31)
    for (const format of ['deflate-raw', 'zstd'] as const) {
      const [fast, slow] = [1, 9].map((level) => createNodeFrameCodec({ format, level })) as [FrameCodec, FrameCodec]
      const length = async (codec: FrameCodec) =>
        (await (format === 'zstd' ? (codec.zstd as ZstdCodec).compress(raw) : codec.deflateRaw(raw))).length
      expect(await length(slow)).toBeLessThan(await length(fast))
    }
  })

  test('I11: a frame that asks for a window of 128 MiB is refused before it gets one', async () => {
    // RFC 8878, section 3.1.1.1.2: exponent 17 is 2^27 bytes. Behind it one block that repeats a byte.
    const stored = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x00, 17 << 3, 0b011 | ((4096 << 3) & 0xff), (4096 << 3) >> 8, 0, 7)
    const before = process.memoryUsage().rss
    expect(await outcomeOf((createNodeFrameCodec().zstd as ZstdCodec).expand(stored, 4096))).toBe('corrupt FRAME_CONTENT')
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 2 ** 20)
    // The same with 8 MiB, exponent 13, passes.
    stored[5] = 13 << 3
    expect(await outcomeOf((createNodeFrameCodec().zstd as ZstdCodec).expand(stored, 4096))).toBe('ok')
  })
})
