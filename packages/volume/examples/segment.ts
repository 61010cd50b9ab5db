import { Splinter } from '@graft-ts/splinter'
import {
  decodeSegmentIndex,
  newSegmentId,
  newVolumeId,
  PAGE_SIZE_DEFAULT,
  SegmentBuilder,
  systemIdSource,
  webFrameCodec,
} from '@graft-ts/volume'

const volumeId = newVolumeId(systemIdSource)
const builder = new SegmentBuilder({ segmentId: newSegmentId(systemIdSource), codec: webFrameCodec })
const pages = Splinter.from([1, 2, 70])
const ref = await builder.add({ volumeId, pageSize: PAGE_SIZE_DEFAULT, pages, data: new Uint8Array(3 * 4096) })
const segment = builder.finish()
console.log(segment.length, ref.frames.lengths, decodeSegmentIndex(segment).runs.length)
