import type { PageContent, PageLocation } from '@graft-ts/commit-log'
import {
  type CommitId,
  type FrameIdentity,
  frameOf,
  framePages,
  type Lsn,
  type PageSet,
  type PageSize,
  type SegmentId,
  type VolumeId,
} from '@graft-ts/volume'
import { PagestoreError } from '../errors.ts'
import type { PagestoreLimits } from '../limits.ts'

/** The object that holds a frame. */
export type FrameObject =
  | { readonly type: 'segment'; readonly segmentId: SegmentId }
  | { readonly type: 'commit'; readonly key: string }

/** One frame to read, and everything that is checked before it is believed (I11). */
export interface FrameTarget {
  readonly object: FrameObject
  /** First byte of the frame in its object, and how many. */
  readonly offset: number
  readonly byteLength: number
  readonly expected: FrameIdentity & { readonly pageSize: PageSize; readonly checksum: bigint }
  /** Names the frame *with* all that is checked: two refs share an expanded frame only if they ask for the same thing. */
  readonly cacheKey: string
}

/** A page of an answer: where it is in its frame, and which commit wrote it. */
export interface PlannedPage {
  readonly pageIndex: number
  readonly position: number
  readonly lsn: Lsn
}

/** A frame and the pages that are taken out of it, in ascending order of index. */
export interface PlannedFrame {
  readonly target: FrameTarget
  readonly pages: PlannedPage[]
}

/** What has to be read for a set of pages. */
export interface ReadPlan {
  /** Pages that were never written, or cut off: no I/O. */
  readonly zeroPages: number[]
  readonly frames: PlannedFrame[]
}

/**
 * Turns page locations into frames to read. Pure.
 *
 * @throws {@link PagestoreError} `PAGE_UNLOCATED` if a location names a frame that its ref does not have.
 */
export function planRead(volumeId: VolumeId, pageSize: PageSize, locations: readonly PageLocation[]): ReadPlan {
  const zeroPages: number[] = []
  const frames = new Map<string, PlannedFrame>()
  for (const location of locations) {
    if (location.lsn === 0) {
      for (const pageIndex of location.pages) zeroPages.push(pageIndex)
    } else {
      planLocation(volumeId, pageSize, location, frames)
    }
  }
  // Refs of several commits may share a frame; a message lists its pages in ascending order.
  for (const frame of frames.values()) frame.pages.sort((a, b) => a.pageIndex - b.pageIndex)
  return { zeroPages, frames: [...frames.values()] }
}

function planLocation(volumeId: VolumeId, pageSize: PageSize, location: PageLocation, frames: Map<string, PlannedFrame>): void {
  const { content, lsn } = location
  if (content === undefined) throw unlocated(lsn, location.pages.first() ?? 0)
  const { ref } = content
  const owner = { volumeId, pageSize, content }
  // Pages ascend, and so do their frames: one walk over the frame table serves all of them.
  let current: { frame: number; offset: number; planned: PlannedFrame | undefined } = {
    frame: 0,
    offset: ref.offset,
    planned: undefined,
  }
  for (const pageIndex of location.pages) {
    const place = frameOf(ref, pageSize, pageIndex)
    if (place === undefined || place.frame >= ref.frames.lengths.length) throw unlocated(lsn, pageIndex)
    if (current.planned === undefined || place.frame !== current.frame) {
      let { frame, offset } = current
      for (; frame < place.frame; frame++) offset += ref.frames.lengths[frame] as number
      const target = frameTarget(owner, frame, offset)
      const planned = frames.get(target.cacheKey) ?? { target, pages: [] }
      frames.set(target.cacheKey, planned)
      current = { frame, offset, planned }
    }
    current.planned?.pages.push({ pageIndex, position: place.position, lsn })
  }
}

function frameTarget(
  owner: { volumeId: VolumeId; pageSize: PageSize; content: PageContent },
  frame: number,
  offsetInOwner: number,
): FrameTarget {
  const { volumeId, pageSize } = owner
  const { ref, commitId, commitKey, inlineOffset } = owner.content
  const byteLength = ref.frames.lengths[frame] as number
  const checksum = ref.frames.checksums[frame] as bigint
  const { first, last, count } = framePages(ref, pageSize, frame)
  const ownerId: SegmentId | CommitId = ref.segmentId ?? commitId
  const object: FrameObject =
    ref.segmentId === undefined ? { type: 'commit', key: commitKey } : { type: 'segment', segmentId: ref.segmentId }
  const offset = ref.segmentId === undefined ? offsetInOwner + inlineOffset : offsetInOwner
  const cacheKey = [volumeId, ownerId, offset, byteLength, pageSize, first, last, count, checksum.toString(36)].join(' ')
  return { object, offset, byteLength, expected: { volumeId, ownerId, pageSize, first, last, count, checksum }, cacheKey }
}

function unlocated(lsn: Lsn, pageIndex: number): PagestoreError {
  return new PagestoreError('PAGE_UNLOCATED', `a commit lists a page that none of its refs holds, lsn=${lsn} page=${pageIndex}`)
}

/** The name of an object in a plan, for telling objects apart. */
export function objectName(object: FrameObject): string {
  return object.type === 'segment' ? object.segmentId : object.key
}

/** Several frames of one object in one ranged read. */
export interface FrameRange {
  readonly object: FrameObject
  readonly offset: number
  readonly byteLength: number
  readonly targets: readonly FrameTarget[]
}

/** Bytes of a frame's pages. */
export function expandedBytes({ expected }: FrameTarget): number {
  return expected.count * expected.pageSize
}

/** How far frames are joined. */
export interface RangeLimits {
  readonly gapBytesMax: number
  readonly rangeBytesMax: number
  /** Bytes of the pages in a range: what compresses well would be much more in memory than on its way. */
  readonly expandedBytesMax: number
}

/** How far a page store joins frames. Half of what an answer may hold, so that a range is not all that it waits for. */
export function rangeLimits({ rangeGapBytesMax, rangeBytesMax, answerBytesMax }: PagestoreLimits): RangeLimits {
  return { gapBytesMax: rangeGapBytesMax, rangeBytesMax, expandedBytesMax: answerBytesMax / 2 }
}

/**
 * Joins frames that lie close together in the same object into ranged reads. Pure.
 *
 * Every target is in exactly one range, and whole. A range is at most `rangeBytesMax` long, and its pages take at most
 * `expandedBytesMax`, unless one frame alone is more; gaps of at most `gapBytesMax` are read along.
 */
export function coalesceFrames(targets: readonly FrameTarget[], limits: RangeLimits): FrameRange[] {
  const ranges: FrameRange[] = []
  const sorted = targets
    .map((target) => ({ target, name: objectName(target.object) }))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.target.offset - b.target.offset))
  let open: { name: string; start: number; end: number; expanded: number; targets: FrameTarget[] } | undefined
  const close = (): void => {
    if (open === undefined) return
    const object = (open.targets[0] as FrameTarget).object
    ranges.push({ object, offset: open.start, byteLength: open.end - open.start, targets: open.targets })
  }
  for (const { target, name } of sorted) {
    const end = target.offset + target.byteLength
    const expanded = expandedBytes(target)
    const isNear =
      open !== undefined &&
      open.name === name &&
      target.offset - open.end <= limits.gapBytesMax &&
      Math.max(end, open.end) - open.start <= limits.rangeBytesMax &&
      open.expanded + expanded <= limits.expandedBytesMax
    if (open !== undefined && isNear) {
      open.targets.push(target)
      open.end = Math.max(end, open.end)
      open.expanded += expanded
    } else {
      close()
      open = { name, start: target.offset, end, expanded, targets: [target] }
    }
  }
  close()
  return ranges
}

/**
 * The plan without the frames that only also useful pages need: what is left of it when the store is busy. Useful pages
 * in frames that are read anyway cost nothing and stay. Pure.
 */
export function withoutUsefulFrames(plan: ReadPlan, wanted: PageSet): ReadPlan {
  return { zeroPages: plan.zeroPages, frames: plan.frames.filter((frame) => hasWanted(frame, wanted)) }
}

/** Whether a frame holds a page that must be answered. */
export function hasWanted(frame: PlannedFrame, wanted: PageSet): boolean {
  return frame.pages.some((page) => wanted.has(page.pageIndex))
}
