import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { type FrameCodec, SegmentError } from '@graft-ts/volume'

/** Compresses on the spot. The web streams would finish whenever their thread does, outside the scheduler. */
export const immediateCodec: FrameCodec = {
  deflateRaw: async (raw) => new Uint8Array(deflateRawSync(raw, { level: 1 })),
  async inflateRaw(stored, rawBytes) {
    try {
      const raw = inflateRawSync(stored, { maxOutputLength: rawBytes })
      if (raw.length === rawBytes) return new Uint8Array(raw)
    } catch (cause) {
      throw new SegmentError('FRAME_CONTENT', 'frame does not expand', { cause })
    }
    throw new SegmentError('FRAME_CONTENT', `frame does not expand to ${rawBytes} bytes`)
  },
}
