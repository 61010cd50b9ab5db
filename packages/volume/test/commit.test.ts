import { create, toBinary } from '@bufbuild/protobuf'
import { Splinter } from '@graft-ts/splinter'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CommitSchema } from '../src/gen/graft/store/v1/store_pb.ts'
import {
  COMMIT_REFS_MAX,
  type CommitRecord,
  concatBytes,
  decodeCommit,
  decodeSegmentRef,
  encodeCommit,
  encodeSegmentRef,
  frameOf,
  framePages,
  frameRange,
  idToBytes,
  isTypedError,
  type Lsn,
  layerLsn,
  newClientId,
  newCommitId,
  newSegmentId,
  newVolumeId,
  packOffsets,
  parsePageSize,
  type SegmentRef,
  sealRecord,
  snapshotOf,
} from '../src/index.ts'
import { payloadOf } from './forge.ts'

const source = { nowMs: () => 1_700_000_000_000, randomBytes: (length: number) => new Uint8Array(length).fill(9) }
const volumeId = newVolumeId(source)
const segmentId = newSegmentId(source)

function refOf(pages: Splinter, frames: number): SegmentRef {
  const lengths = Uint32Array.from({ length: frames }, (_, i) => 100 + i)
  return {
    segmentId,
    pages,
    offset: 1000,
    frames: { lengths, checksums: BigUint64Array.from({ length: frames }, (_, i) => BigInt(i)) },
  }
}

const pages = Splinter.fromRange(1, 130)
const record: CommitRecord = {
  volumeId,
  lsn: 4 as Lsn,
  commitId: newCommitId(source),
  clientId: newClientId(source),
  pageCount: 200,
  floor: 150,
  pageSize: parsePageSize(4096),
  timestampMs: 1_700_000_000_123,
  previousHash: new Uint8Array(32).fill(3),
  checkpointLsn: 0 as Lsn,
  own: pages,
  refs: [refOf(pages, 3)],
  layers: [
    { pages: Splinter.from([131]), packedOffsets: packOffsets([0], 1), floor: 150 },
    { pages: Splinter.from([132, 140]), packedOffsets: packOffsets([0, 1], 2), floor: 20 },
  ],
  inline: undefined,
}

describe('commit record', () => {
  test('decode after encode is identity', () => {
    const bytes = encodeCommit(record)
    const { record: decoded, byteLength } = decodeCommit(Uint8Array.from([...bytes, 1, 2, 3]))
    expect(byteLength).toBe(bytes.length)
    expect(encodeCommit(decoded)).toEqual(bytes)
    expect({ ...decoded, own: [...decoded.own], refs: 0, layers: 0, previousHash: 0 }).toEqual({
      ...record,
      own: [...record.own],
      refs: 0,
      layers: 0,
      previousHash: 0,
    })
    expect(decoded.layers.map((layer) => [...layer.pages])).toEqual([[131], [132, 140]])
    expect(snapshotOf(decoded)).toEqual({ volumeId, lsn: 4, pageCount: 200, pageSize: 4096, timestampMs: 1_700_000_000_123 })
  })

  test.each<[string, Partial<CommitRecord>]>([
    ['lsn 0', { lsn: 0 as Lsn }],
    ['a floor above the page count', { floor: 201 }],
    ['a page in a layer that was cut off', { floor: 130, layers: [{ ...record.layers[0]!, floor: 130 }] }],
    ['a floor of a layer above a newer one', { layers: [{ ...record.layers[0]!, floor: 151 }] }],
    ['a page above the page count', { pageCount: 129, floor: undefined }],
    ['a hash of the wrong length', { previousHash: new Uint8Array(31) }],
    ['a checkpoint that is not older', { checkpointLsn: 4 as Lsn }],
    ['more layers than its LSN allows', { lsn: 6 as Lsn }],
    [
      'packed offsets that do not fit',
      { layers: [{ pages: Splinter.from([7]), packedOffsets: new Uint8Array(1), floor: undefined }] },
    ],
    ['a frame table that does not fit', { refs: [refOf(pages, 2)] }],
    ['an inline ref without inline frames', { refs: [{ ...refOf(pages, 3), segmentId: undefined }] }],
    ['an own set with page 0', { own: Splinter.from([0, 1]) }],
  ])('refuses %s', (_, wrong) => {
    expect(() => decodeCommit(encodeCommit({ ...record, ...wrong }))).toThrow(
      expect.objectContaining({ name: 'RecordError', kind: 'corrupt', code: 'RECORD_CONTENT' }),
    )
  })

  test('has so many refs and no more', () => {
    const refs = (count: number) => new Array<SegmentRef>(count).fill(refOf(Splinter.from([1]), 1))
    expect(decodeCommit(encodeCommit({ ...record, refs: refs(COMMIT_REFS_MAX) })).record.refs).toHaveLength(COMMIT_REFS_MAX)
    expect(() => encodeCommit({ ...record, refs: refs(COMMIT_REFS_MAX + 1) })).toThrow(
      expect.objectContaining({ kind: 'exhausted', code: 'RECORD_TOO_LARGE' }),
    )
    const payload = encodeCommit({ ...record, refs: refs(COMMIT_REFS_MAX) }).subarray(24)
    const one = payloadOf([{ number: 12, value: encodeSegmentRef(refOf(Splinter.from([1]), 1)) }])
    expect(() => decodeCommit(sealRecord('commit', concatBytes([payload, one])))).toThrow(
      expect.objectContaining({ kind: 'corrupt', code: 'RECORD_CONTENT' }),
    )
  })

  test('takes the smallest refs and layers that there can be', () => {
    const numbers = [
      { number: 4, value: 65n },
      { number: 5, value: { fixed64: 7n } },
    ]
    const ref = payloadOf([{ number: 2, value: Splinter.from([1]).toBytes() }, ...numbers])
    const layer = payloadOf([{ number: 1, value: new Splinter().toBytes() }])
    expect([ref.length, layer.length]).toEqual([34, 15])
    const bare = { ...record, floor: undefined, refs: [], layers: [], inline: { byteLength: 65, hash: new Uint8Array(32) } }
    const fields = payloadOf([
      { number: 12, value: ref },
      { number: 13, value: layer },
    ])
    const { record: decoded } = decodeCommit(sealRecord('commit', concatBytes([encodeCommit(bare).subarray(24), fields])))
    expect([decoded.refs[0]?.frames.lengths, decoded.layers[0]?.pages.size]).toEqual([Uint32Array.of(65), 0])
  })

  test('refuses foreign ids and page sizes', () => {
    const message = create(CommitSchema, { volumeId: idToBytes(segmentId), lsn: 1n, pageSize: 4096 })
    expect(() => decodeCommit(sealRecord('commit', toBinary(CommitSchema, message)))).toThrow(
      expect.objectContaining({ code: 'RECORD_CONTENT' }),
    )
  })

  test('I11: any payload decodes or throws a typed error', () => {
    const payload = encodeCommit(record).subarray(24)
    fc.assert(
      fc.property(fc.nat(payload.length - 1), fc.nat(255), fc.nat(payload.length), (at, byte, cut) => {
        const damaged = Uint8Array.from(payload)
        damaged[at] = byte
        for (const bytes of [damaged, damaged.subarray(0, cut)]) {
          try {
            decodeCommit(sealRecord('commit', bytes))
          } catch (error) {
            expect(isTypedError(error)).toBe(true)
          }
        }
      }),
    )
  })
})

describe('segment ref', () => {
  test('decode after encode is identity', () => {
    const bytes = encodeSegmentRef(refOf(pages, 3))
    const ref = decodeSegmentRef(bytes)
    expect(encodeSegmentRef(ref)).toEqual(bytes)
    expect([...ref.pages]).toEqual([...pages])
    expect(ref.segmentId).toBe(segmentId)
  })

  test('addresses pages by their position in the run', () => {
    const scattered = Splinter.from(Array.from({ length: 130 }, (_, i) => 1 + i * 3))
    const ref = refOf(scattered, 3)
    const size = parsePageSize(4096)
    expect(frameOf(ref, size, 1)).toEqual({ frame: 0, position: 0 })
    expect(frameOf(ref, size, 1 + 63 * 3)).toEqual({ frame: 0, position: 63 })
    expect(frameOf(ref, size, 1 + 64 * 3)).toEqual({ frame: 1, position: 0 })
    expect(frameOf(ref, size, 1 + 129 * 3)).toEqual({ frame: 2, position: 1 })
    expect(frameOf(ref, size, 2)).toBeUndefined()
    expect(frameRange(ref, 2)).toEqual({ offset: 1201, length: 102 })
    expect(framePages(ref, size, 2)).toEqual({ first: 1 + 128 * 3, last: 1 + 129 * 3, count: 2 })
  })

  test.each([[new Uint8Array(0)], [Uint8Array.of(255)], [new Uint8Array(20).fill(10)]])(
    'refuses bytes that are none',
    (bytes) => {
      expect(() => decodeSegmentRef(bytes)).toThrow(expect.objectContaining({ kind: 'corrupt', code: 'RECORD_CONTENT' }))
    },
  )
})

test('packed offsets of every width are read back', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 40 }),
      fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { maxLength: 20 }),
      (layer, parts) => {
        const lsn = (2 ** 41) as Lsn
        const offsets = parts.map((part) => Math.floor(part * 2 ** (layer - 1)))
        const rollup = { pages: Splinter.fromRange(1, 20), packedOffsets: packOffsets(offsets, layer), floor: undefined }
        offsets.forEach((offset, position) => {
          expect(layerLsn(rollup, lsn, layer, position)).toBe(lsn - 2 ** layer + 1 + offset)
        })
      },
    ),
  )
})
