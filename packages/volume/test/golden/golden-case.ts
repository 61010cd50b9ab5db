import { createHash } from 'node:crypto'
import {
  type CommitId,
  type CommitRecord,
  commitIdFromBytes,
  decodeCommit,
  decodeFrame,
  decodeHeadHint,
  decodeSegmentIndex,
  decodeSegmentRef,
  type FrameIdentity,
  layerLsn,
  type PageSet,
  type PageSize,
  parsePageSize,
  type SegmentId,
  type SegmentIndex,
  type SegmentRef,
  segmentIdFromBytes,
  type VolumeId,
  volumeIdFromBytes,
} from '../../src/index.ts'
import { fixedCodec } from './fixed-codec.ts'

/** Which reader a file is for. */
export type Reader = 'commit' | 'head' | 'ref' | 'segment' | 'frame'

/** What a reader of a frame knows of it beforehand, as in a manifest. */
export interface FrameWanted {
  readonly volumeId: VolumeId
  readonly ownerId: SegmentId | CommitId
  readonly pageSize: number
  readonly first: number
  readonly last: number
  readonly count: number
  /** In hexadecimal. */
  readonly checksum: string
}

/** A file: its bytes, and what a reader makes of them. */
export interface GoldenCase {
  readonly name: string
  readonly reader: Reader
  readonly bytes: Uint8Array
  /** What it says, of a frame the SHA-256 of its pages; for damaged ones kind and code of the error. */
  readonly says: unknown
  readonly wanted?: FrameWanted
}

/** Reads a file with this package, and tells what it says as JSON would hold it. */
export async function read({ reader, bytes, wanted }: Pick<GoldenCase, 'reader' | 'bytes' | 'wanted'>): Promise<unknown> {
  switch (reader) {
    case 'commit': {
      const { record, byteLength } = decodeCommit(bytes)
      return { ...plainCommit(record), bytesBehind: bytes.length - byteLength }
    }
    case 'head':
      return decodeHeadHint(bytes)
    case 'ref':
      return plainRef(decodeSegmentRef(bytes))
    case 'segment':
      return plainIndex(decodeSegmentIndex(bytes))
    case 'frame':
      return hex(sha256(await decodeFrame(bytes, expectedOf(wanted as FrameWanted), fixedCodec)))
  }
}

function expectedOf(wanted: FrameWanted): FrameIdentity & { pageSize: PageSize; checksum: bigint } {
  return { ...wanted, pageSize: parsePageSize(wanted.pageSize), checksum: BigInt(`0x${wanted.checksum}`) }
}

/** A record as JSON. */
export function plainCommit(record: CommitRecord): object {
  return {
    ...record,
    floor: record.floor ?? null,
    previousHash: hex(record.previousHash),
    own: plainPages(record.own),
    refs: record.refs.map(plainRef),
    layers: record.layers.map((layer, i) => ({
      pages: plainPages(layer.pages),
      lsns: [...layer.pages].map((_, position) => layerLsn(layer, record.lsn, i + 1, position)),
      floor: layer.floor ?? null,
    })),
    inline: record.inline === undefined ? null : { ...record.inline, hash: hex(record.inline.hash) },
  }
}

/** A ref as JSON. */
export function plainRef(ref: SegmentRef): object {
  return {
    segmentId: ref.segmentId ?? null,
    pages: plainPages(ref.pages),
    offset: ref.offset,
    frames: Array.from(ref.frames.lengths, (length, i) => [length, (ref.frames.checksums[i] as bigint).toString(16)]),
  }
}

/** An index as JSON. */
export function plainIndex({ segmentId, runs }: SegmentIndex): object {
  return { segmentId, runs: runs.map((run) => ({ ...run, ref: plainRef(run.ref) })) }
}

/** Pages as ranges of first and last. */
export function plainPages(pages: PageSet): [number, number][] {
  const ranges: [number, number][] = []
  for (const page of pages) {
    const last = ranges[ranges.length - 1]
    if (last !== undefined && last[1] === page - 1) last[1] = page
    else ranges.push([page, page])
  }
  return ranges
}

export function sha256(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(createHash('sha256').update(bytes).digest())
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Ids that are the same in every run, in binary form. */
export function idBytes(prefix: number, number: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from([
    prefix,
    1,
    0x8b,
    0xcf,
    0xe5,
    0x68,
    0,
    ...Array.from({ length: 9 }, (_, i) => (number * 37 + i * 11) & 255),
  ])
}

export const volumeA: VolumeId = volumeIdFromBytes(idBytes(0x80, 1))
export const volumeB: VolumeId = volumeIdFromBytes(idBytes(0x80, 2))
export const segmentA: SegmentId = segmentIdFromBytes(idBytes(0xa0, 1))
export const segmentB: SegmentId = segmentIdFromBytes(idBytes(0xa0, 2))
export const commitA: CommitId = commitIdFromBytes(idBytes(0xe0, 1))
