import { SegmentError } from './errors.ts'

/**
 * Compresses and expands frames. Passed in, because a runtime may have a faster one than the web streams, and so that
 * a simulation can keep everything on its own schedule.
 */
export interface FrameCodec {
  /** Raw DEFLATE (RFC 1951) of `raw`, which is borrowed; fresh bytes. */
  deflateRaw(raw: Uint8Array): Promise<Uint8Array<ArrayBuffer>>
  /**
   * Expands raw DEFLATE bytes to exactly `rawBytes` bytes, never allocating much more than that.
   * Throws {@link SegmentError} `FRAME_CONTENT` when the bytes are damaged or expand to another length.
   */
  inflateRaw(stored: Uint8Array, rawBytes: number): Promise<Uint8Array<ArrayBuffer>>
}

/** The codec of `CompressionStream` and `DecompressionStream`, which every supported runtime has. */
export const webFrameCodec: FrameCodec = {
  async deflateRaw(raw) {
    const chunks: Uint8Array[] = []
    let length = 0
    for await (const chunk of through(raw, new CompressionStream('deflate-raw'))) {
      chunks.push(chunk)
      length += chunk.length
    }
    return concat(chunks, length)
  },

  async inflateRaw(stored, rawBytes) {
    const raw = new Uint8Array(rawBytes)
    let length = 0
    try {
      for await (const chunk of through(stored, new DecompressionStream('deflate-raw'))) {
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
  },
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

function concat(chunks: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length)
  let offset = 0
  for (const chunk of chunks) {
    bytes.set(chunk, offset)
    offset += chunk.length
  }
  return bytes
}
