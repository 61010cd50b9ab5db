import type { MemoryStore } from '@graft-ts/storage-adapters/memory'
import { type CommitRecord, decodeFrame, framePages, frameRange, type SegmentRef, storeKeys } from '@graft-ts/volume'
import { immediateCodec } from '../frame-codec.ts'
import { decodePage, type PageContent } from '../model/page-content.ts'
import { mustHold, Violation } from '../violation.ts'

/**
 * Reads the pages of a commit straight from the stored bytes, at the moment at which its record appears (I1).
 *
 * @param inlineBytes What follows the sealed record in its object.
 */
export async function readCommitContent(
  record: CommitRecord,
  inlineBytes: Uint8Array,
  volume: number,
  objects: MemoryStore,
): Promise<Map<number, PageContent>> {
  const own = new Map<number, PageContent>()
  for (const ref of record.refs) {
    const bytes = ref.segmentId === undefined ? inlineBytes : await segmentBytes(record, ref, objects)
    for (let frame = 0; frame < ref.frames.lengths.length; frame++) await readFrame(record, ref, frame, bytes, volume, own)
  }
  for (const pageIndex of record.own) {
    mustHold(own.has(pageIndex), 'I1', () => `commit ${record.lsn} lists page ${pageIndex}, and no ref of it holds that page`)
  }
  return own
}

async function segmentBytes(record: CommitRecord, ref: SegmentRef, objects: MemoryStore): Promise<Uint8Array> {
  const { segmentId, volumeId } = { segmentId: ref.segmentId as NonNullable<SegmentRef['segmentId']>, volumeId: record.volumeId }
  const found =
    (await objects.get(storeKeys.segment(segmentId))) ?? (await objects.get(storeKeys.volumeSegment(volumeId, segmentId)))
  if (found === undefined) throw new Violation('I1', `commit ${record.lsn} was created before its segment ${segmentId}`)
  return found.bytes
}

async function readFrame(
  record: CommitRecord,
  ref: SegmentRef,
  frame: number,
  bytes: Uint8Array,
  volume: number,
  own: Map<number, PageContent>,
): Promise<void> {
  const { volumeId, pageSize, commitId, lsn } = record
  const { offset, length } = frameRange(ref, frame)
  const checksum = ref.frames.checksums[frame] as bigint
  const pages = framePages(ref, pageSize, frame)
  const expected = { volumeId, ownerId: ref.segmentId ?? commitId, pageSize, checksum, ...pages }
  const raw = await decodeFrame(bytes.subarray(offset, offset + length), expected, immediateCodec).catch((cause: unknown) => {
    throw new Violation('I1', `a frame of commit ${lsn} is not in the store as its ref says`, { cause })
  })
  let position = 0
  for (const pageIndex of ref.pages.range(pages.first, pages.last)) {
    // Pages outside the own set are there for addressing; of refs that overlap, the later one wins.
    if (record.own.has(pageIndex)) {
      const page = raw.subarray(position * pageSize, (position + 1) * pageSize)
      own.set(pageIndex, decodePage(page, { volume, pageIndex }, `commit ${lsn}`))
    }
    position++
  }
}
