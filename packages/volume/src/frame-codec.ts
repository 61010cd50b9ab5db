import { concatBytes } from './concat-bytes.ts'
import { SegmentError, VolumeError } from './errors.ts'

/** How pages are stored in a frame. */
export type FrameFormat = 'raw' | 'deflate-raw' | 'zstd'

/**
 * Compresses and expands frames. Passed in, because a runtime may have a faster one than the web streams, and so that
 * a simulation can keep everything on its own schedule.
 */
export interface FrameCodec {
  /** What frames are written in if that makes them smaller by an eighth. Default `deflate-raw`, which every reader has. */
  readonly format?: FrameFormat
  /** Raw DEFLATE (RFC 1951) of `raw`, which is borrowed; fresh bytes. */
  deflateRaw(raw: Uint8Array): Promise<Uint8Array<ArrayBuffer>>
  /**
   * Expands raw DEFLATE bytes to exactly `rawBytes` bytes, never allocating much more than that.
   * Throws {@link SegmentError} `FRAME_CONTENT` when the bytes are damaged or expand to another length.
   */
  inflateRaw(stored: Uint8Array, rawBytes: number): Promise<Uint8Array<ArrayBuffer>>
  /** Zstandard. Without it frames in that format are refused: `unsupported`, not damaged. */
  readonly zstd?: ZstdCodec
}

/** The same in Zstandard (RFC 8878). */
export interface ZstdCodec {
  /** One Zstandard frame with a window of 8 MiB at most; fresh bytes. `raw` is borrowed. */
  compress(raw: Uint8Array): Promise<Uint8Array<ArrayBuffer>>
  /**
   * Expands to exactly `rawBytes` bytes, never allocating much more than that and the window. Throws {@link SegmentError}
   * `FRAME_CONTENT` as inflating does, `FRAME_CODEC` (`unsupported`) where the runtime has no Zstandard.
   */
  expand(stored: Uint8Array, rawBytes: number): Promise<Uint8Array<ArrayBuffer>>
}

/**
 * The codec of `CompressionStream` and `DecompressionStream`. Every supported runtime has `deflate-raw`; few have `zstd`.
 *
 * The streams of some (Node 22.18) pass over bytes behind the end of a compressed stream, which those of others refuse. The
 * checksum of a frame covers them, so only who wrote it can have put them there.
 *
 * @param options.format What frames are written in. Choose `zstd` only if whatever reads them has it too.
 * @throws {@link VolumeError} `CODEC_UNSUPPORTED` if this runtime cannot write `format`.
 */
export function createWebFrameCodec(options: { readonly format: FrameFormat }): FrameCodec {
  const { format } = options
  if (format === 'zstd' && openStream(CompressionStream, 'zstd') === undefined) {
    throw new VolumeError('CODEC_UNSUPPORTED', 'the compression streams of this runtime have no zstd')
  }
  return {
    format,
    deflateRaw: (raw) => compressed(raw, 'deflate-raw'),
    inflateRaw: (stored, rawBytes) => expanded(stored, rawBytes, 'deflate-raw'),
    zstd: {
      compress: (raw) => compressed(raw, 'zstd'),
      expand: (stored, rawBytes) => expanded(stored, rawBytes, 'zstd'),
    },
  }
}

/** {@link createWebFrameCodec} for `deflate-raw`. */
export const webFrameCodec: FrameCodec = /* @__PURE__ */ createWebFrameCodec({ format: 'deflate-raw' })

type StreamFormat = Exclude<FrameFormat, 'raw'>

async function compressed(raw: Uint8Array, format: StreamFormat): Promise<Uint8Array<ArrayBuffer>> {
  const stream = openStream(CompressionStream, format)
  if (stream === undefined) throw new VolumeError('CODEC_UNSUPPORTED', `this runtime does not compress, format=${format}`)
  const chunks: Uint8Array[] = []
  for await (const chunk of through(raw, stream)) chunks.push(chunk)
  return concatBytes(chunks)
}

async function expanded(stored: Uint8Array, rawBytes: number, format: StreamFormat): Promise<Uint8Array<ArrayBuffer>> {
  const stream = openStream(DecompressionStream, format)
  if (stream === undefined) throw new SegmentError('FRAME_CODEC', `this runtime does not expand, format=${format}`)
  const raw = new Uint8Array(rawBytes)
  let length = 0
  try {
    for await (const chunk of through(stored, stream)) {
      if (length + chunk.length > rawBytes) throw wrongLength(`more than ${rawBytes} bytes`)
      raw.set(chunk, length)
      length += chunk.length
    }
  } catch (cause) {
    if (cause instanceof SegmentError) throw cause
    throw new SegmentError('FRAME_CONTENT', 'frame does not expand', { cause })
  }
  if (length !== rawBytes) throw wrongLength(`${length} bytes, expected=${rawBytes}`)
  return raw
}

/** A stream of this format, if the runtime has it: trying is the only way to find out. */
function openStream<T>(Stream: new (format: CompressionFormat) => T, format: StreamFormat): T | undefined {
  try {
    return new Stream(format as CompressionFormat)
  } catch (error) {
    if (error instanceof TypeError) return undefined
    throw error
  }
}

function wrongLength(got: string): SegmentError {
  return new SegmentError('FRAME_CONTENT', `frame expands to ${got}`)
}

async function* through(
  bytes: Uint8Array,
  stream: CompressionStream | DecompressionStream,
): AsyncGenerator<Uint8Array, void, undefined> {
  const writer = stream.writable.getWriter()
  // A failed write also fails the reading side, which reports it; here it must only not go unhandled.
  const written = writer
    .write(bytes as Uint8Array<ArrayBuffer>)
    .then(() => writer.close())
    .catch(() => undefined)
  const reader = stream.readable.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield value
    }
  } finally {
    // Leaving early (too many bytes) must stop the decompressor, not drain it.
    await reader.cancel().catch(() => undefined)
    await written
  }
}
