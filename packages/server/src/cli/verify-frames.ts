import {
  type CommitId,
  decodeFrame,
  framePages,
  frameRange,
  type PageSize,
  SegmentError,
  type SegmentId,
  type SegmentRef,
  type VolumeId,
} from '@graft-ts/volume'
import { createNodeFrameCodec } from '@graft-ts/volume/node'

const codec = createNodeFrameCodec()

/**
 * Decodes every frame of a ref and compares it with what the ref says.
 *
 * @param bytes Where the ref's offsets count from.
 * @returns How many frames there are.
 * @throws {@link SegmentError}: the first frame that is damaged, cut off, or another one (I11).
 */
export async function verifyFrames(
  bytes: Uint8Array,
  ref: SegmentRef,
  identity: { readonly volumeId: VolumeId; readonly ownerId: SegmentId | CommitId; readonly pageSize: PageSize },
): Promise<number> {
  const frameCount = ref.frames.lengths.length
  for (let frame = 0; frame < frameCount; frame++) {
    const { offset, length } = frameRange(ref, frame)
    if (offset + length > bytes.length) {
      throw new SegmentError('FRAME_TRUNCATED', `the bytes end before the frame does, frame=${frame} end=${offset + length}`)
    }
    const checksum = ref.frames.checksums[frame] as bigint
    const expected = { ...identity, ...framePages(ref, identity.pageSize, frame), checksum }
    await decodeFrame(bytes.subarray(offset, offset + length), expected, codec)
  }
  return frameCount
}
