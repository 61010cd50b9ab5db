import * as zlib from 'node:zlib'
import { SegmentError, VolumeError } from '../errors.ts'
import type { FrameCodec, FrameFormat } from '../frame-codec.ts'

/** What a {@link createNodeFrameCodec} writes. */
export interface NodeFrameCodecOptions {
  /** What frames are written in. Default `deflate-raw`; choose `zstd` only if whatever reads them has it too. */
  readonly format?: FrameFormat
  /** How hard to try: 1 to 9 for `deflate-raw`, 1 to 19 for `zstd`. Default 3. */
  readonly level?: number
}

const LEVEL_DEFAULT = 3
const LEVEL_MAX: Readonly<Record<FrameFormat, number>> = { raw: 19, 'deflate-raw': 9, zstd: 19 }
// A thread takes longer to be asked than to expand this.
const SYNC_BYTES_MAX = 16_384
// Decoders of a foreign frame allocate its window first: 8 MiB, what RFC 8878 asks every decoder to have.
const WINDOW_LOG_MAX = 23

/** What `node:zlib` answers with the option `info`. */
interface Expanded {
  readonly buffer: Buffer
  /** `bytesWritten`: how many bytes went in, up to the end of the compressed stream. */
  readonly engine: { readonly bytesWritten: number }
}

type Options = zlib.ZlibOptions & zlib.ZstdOptions
type Call = (bytes: Uint8Array, options: Options, callback: (error: Error | null, result: unknown) => void) => void

/** The functions of one format. They have overloads, of which this is the one that is used. */
interface Functions {
  readonly compress: Call
  readonly expand: Call
  readonly expandSync: (bytes: Uint8Array, options: Options) => unknown
}

const DEFLATE: Functions = { compress: zlib.deflateRaw, expand: zlib.inflateRaw, expandSync: zlib.inflateRawSync }

/**
 * The codec of `node:zlib`: compresses and expands on its threads, about twice as fast as the web streams of Node.
 *
 * @throws {@link VolumeError} `CODEC_UNSUPPORTED` if this runtime's `node:zlib` cannot write `format`, or not at that level.
 */
export function createNodeFrameCodec(options: NodeFrameCodecOptions = {}): FrameCodec {
  const { format = 'deflate-raw', level = LEVEL_DEFAULT } = options
  const zstd = zstdFunctions()
  if (!Object.hasOwn(LEVEL_MAX, format) || (format === 'zstd' && zstd === undefined)) {
    throw new VolumeError('CODEC_UNSUPPORTED', `this runtime does not compress, format=${format}`)
  }
  if (!Number.isInteger(level) || level < 1 || level > LEVEL_MAX[format]) {
    throw new VolumeError('CODEC_UNSUPPORTED', `compression level is out of range, level=${level} most=${LEVEL_MAX[format]}`)
  }
  return {
    format,
    deflateRaw: (raw) => compress(DEFLATE, raw, { level }),
    inflateRaw: (stored, rawBytes) => expand(DEFLATE, stored, rawBytes, {}),
    ...(zstd !== undefined && { zstd: zstdCodec(zstd, level) }),
  }
}

function zstdCodec(functions: Functions, level: number): NonNullable<FrameCodec['zstd']> {
  const { ZSTD_c_compressionLevel, ZSTD_d_windowLogMax } = zlib.constants
  return {
    compress: (raw) => compress(functions, raw, { params: { [ZSTD_c_compressionLevel]: level } }),
    expand: (stored, rawBytes) => expand(functions, stored, rawBytes, { params: { [ZSTD_d_windowLogMax]: WINDOW_LOG_MAX } }),
  }
}

function zstdFunctions(): Functions | undefined {
  const { zstdCompress, zstdDecompress, zstdDecompressSync } = zlib as Partial<typeof zlib>
  if (zstdCompress === undefined || zstdDecompress === undefined || zstdDecompressSync === undefined) return undefined
  return { compress: zstdCompress, expand: zstdDecompress, expandSync: zstdDecompressSync }
}

async function compress(functions: Functions, raw: Uint8Array, options: Options): Promise<Uint8Array<ArrayBuffer>> {
  return ownBytes((await called(functions.compress, raw, options)) as Buffer)
}

async function expand(
  functions: Functions,
  stored: Uint8Array,
  rawBytes: number,
  more: Options,
): Promise<Uint8Array<ArrayBuffer>> {
  // One byte more fails; a chunk of the whole length spares joining several.
  const options: Options = { ...more, maxOutputLength: rawBytes, chunkSize: rawBytes, info: true }
  const { expandSync, expand } = functions
  let expanded: Expanded
  try {
    expanded = (rawBytes <= SYNC_BYTES_MAX ? expandSync(stored, options) : await called(expand, stored, options)) as Expanded
  } catch (cause) {
    throw new SegmentError('FRAME_CONTENT', 'frame does not expand', { cause })
  }
  const { buffer, engine } = expanded
  if (buffer.length !== rawBytes || engine.bytesWritten !== stored.length) {
    const read = `read=${engine.bytesWritten} stored=${stored.length}`
    throw new SegmentError('FRAME_CONTENT', `frame expands to ${buffer.length} bytes, expected=${rawBytes} ${read}`)
  }
  return ownBytes(buffer)
}

function called(call: Call, bytes: Uint8Array, options: Options): Promise<unknown> {
  return new Promise((resolve, reject) => {
    call(bytes, options, (error, result) => (error === null ? resolve(result) : reject(error)))
  })
}

// Short buffers lie in a pool of Node, which they would keep alive for as long as they are cached.
function ownBytes(buffer: Buffer): Uint8Array<ArrayBuffer> {
  const { buffer: memory, byteOffset, length } = buffer
  return memory.byteLength === length ? new Uint8Array(memory as ArrayBuffer, byteOffset, length) : Uint8Array.from(buffer)
}
