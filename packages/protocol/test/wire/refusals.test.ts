import { create } from '@bufbuild/protobuf'
import { Splinter } from '@graft-ts/splinter'
import { describe, expect, test } from 'vitest'
import {
  CommitResponseSchema,
  checkData,
  checkProtocolVersion,
  commitAnswerFromWire,
  commitProposalFromWire,
  commitProposalToWire,
  DescribeMetaResponseSchema,
  DescribePagesResponseSchema,
  META_LIMITS_DEFAULT,
  metaDescriptionFromWire,
  pageDescriptionFromWire,
  pageSetFromWire,
  ReadPagesResponseSchema,
  readPagesFromWire,
  SnapshotSchema,
  snapshotFromWire,
  snapshotToWire,
  WatchEventSchema,
  watchEventFromWire,
  watchRequestFromWire,
  watchRequestToWire,
} from '../../src/index.ts'
import { lsn, PAGE_SIZE, PROPOSAL, SNAPSHOT, volumeId } from '../samples.ts'

const wire = commitProposalToWire(PROPOSAL)
const SIGNED_REF = {
  $typeName: 'graft.v1.SignedSegmentRef' as const,
  ref: Uint8Array.of(1),
  issuedAtMs: 1n,
  keyId: '',
  signature: new Uint8Array(0),
}

describe('I11: a commit request is refused with what is wrong with it', () => {
  test.each([
    ['a short volume id', { volumeId: Uint8Array.of(1, 2) }, 'MESSAGE_INVALID', 'invalid'],
    ['a commit id where a volume id belongs', { volumeId: wire.commitId }, 'MESSAGE_INVALID', 'invalid'],
    ['no commit id', { commitId: new Uint8Array(0) }, 'MESSAGE_INVALID', 'invalid'],
    ['a base beyond 2^53', { baseLsn: 2n ** 53n }, 'MESSAGE_INVALID', 'invalid'],
    ['a page size that is no power of two', { pageSize: 513 }, 'MESSAGE_INVALID', 'invalid'],
    ['no page size', { pageSize: 0 }, 'MESSAGE_INVALID', 'invalid'],
    ['bytes that are no set', { own: Uint8Array.of(9, 9, 9) }, 'SET_INVALID', 'invalid'],
    ['page 0', { own: Splinter.from([0, 1]).toBytes() }, 'SET_PAGE_ZERO', 'invalid'],
    ['page 0 inline', { inline: { ...wire.inline, pages: Splinter.from([0]).toBytes() } }, 'SET_PAGE_ZERO', 'invalid'],
    [
      'data for fewer pages than it names',
      { inline: { ...wire.inline, data: new Uint8Array(PAGE_SIZE) } },
      'DATA_LENGTH',
      'invalid',
    ],
    [
      'data that is no whole page',
      { inline: { ...wire.inline, data: new Uint8Array(2 * PAGE_SIZE - 1) } },
      'DATA_LENGTH',
      'invalid',
    ],
  ])('%s', (_, fields, code, kind) => {
    const message = { ...wire, ...fields } as typeof wire
    expect(() => commitProposalFromWire(message, META_LIMITS_DEFAULT)).toThrow(
      expect.objectContaining({ name: 'ProtocolError', code, kind }),
    )
  })
})

describe('limits hold at n - 1, n and n + 1', () => {
  const commit = (limits: Partial<typeof META_LIMITS_DEFAULT>, fields: Partial<typeof wire> = {}) =>
    commitProposalFromWire({ ...wire, ...fields }, { ...META_LIMITS_DEFAULT, ...limits })

  test.each([
    ['pagesMax', 'SET_TOO_LARGE', 2],
    ['inlineBytesMax', 'INLINE_TOO_LARGE', 2 * PAGE_SIZE],
  ] as const)('%s', (limit, code, used) => {
    commit({ [limit]: used + 1 })
    commit({ [limit]: used })
    expect(() => commit({ [limit]: used - 1 })).toThrow(expect.objectContaining({ code, kind: 'exhausted' }))
  })

  test('refsMax', () => {
    const refs = [SIGNED_REF, SIGNED_REF]
    commit({ refsMax: 3 }, { refs })
    commit({ refsMax: 2 }, { refs })
    expect(() => commit({ refsMax: 1 }, { refs })).toThrow(expect.objectContaining({ code: 'REFS_TOO_MANY', kind: 'exhausted' }))
  })

  test('pages of a set', () => {
    const bytes = Splinter.fromRange(1, 1000).toBytes()
    expect(pageSetFromWire(bytes, { pagesMax: 1001 }).size).toBe(1000)
    expect(pageSetFromWire(bytes, { pagesMax: 1000 }).size).toBe(1000)
    expect(() => pageSetFromWire(bytes, { pagesMax: 999 })).toThrow(
      expect.objectContaining({ code: 'SET_TOO_LARGE', kind: 'exhausted' }),
    )
  })

  test('bytes of data', () => {
    checkData(new Uint8Array(1024), 2, PAGE_SIZE)
    for (const bytes of [1023, 1025]) {
      expect(() => checkData(new Uint8Array(bytes), 2, PAGE_SIZE)).toThrow(expect.objectContaining({ code: 'DATA_LENGTH' }))
    }
  })
})

test('no bytes are the empty set', () => {
  expect(pageSetFromWire(new Uint8Array(0), { pagesMax: 0 }).size).toBe(0)
})

describe('I11: an answer is refused with what is wrong with it', () => {
  test.each([
    ['no snapshot', undefined],
    ['an empty one', create(SnapshotSchema)],
    ['an LSN beyond 2^53', { ...snapshotToWire(SNAPSHOT), lsn: 2n ** 60n }],
    ['a time beyond 2^53', { ...snapshotToWire(SNAPSHOT), timestampMs: 2n ** 60n }],
    ['a page size of 3', { ...snapshotToWire(SNAPSHOT), pageSize: 3 }],
  ])('snapshot: %s', (_, message) => {
    expect(() => snapshotFromWire(message)).toThrow(expect.objectContaining({ code: 'MESSAGE_INVALID', kind: 'invalid' }))
  })

  test('commit: no outcome', () => {
    expect(() => commitAnswerFromWire(create(CommitResponseSchema))).toThrow(expect.objectContaining({ code: 'MESSAGE_INVALID' }))
  })

  test('commit: a conflict with a broken commit id', () => {
    const value = { snapshot: snapshotToWire(SNAPSHOT), changed: new Uint8Array(0), commitIdAfterBase: Uint8Array.of(1) }
    const message = create(CommitResponseSchema, { outcome: { case: 'conflict', value } })
    expect(() => commitAnswerFromWire(message)).toThrow(expect.objectContaining({ code: 'MESSAGE_INVALID' }))
  })

  test.each([
    ['fewer LSNs than pages', { writtenLsns: [1n] }, 'MESSAGE_INVALID'],
    ['more LSNs than pages', { writtenLsns: [1n, 1n, 1n] }, 'MESSAGE_INVALID'],
    ['an LSN beyond 2^53', { writtenLsns: [1n, 2n ** 53n] }, 'MESSAGE_INVALID'],
    ['bytes for a zero page', { writtenLsns: [1n, 0n] }, 'DATA_LENGTH'],
    ['page 0', { pages: Splinter.from([0, 1]).toBytes() }, 'SET_PAGE_ZERO'],
  ])('pages: %s', (_, fields, code) => {
    const pages = Splinter.from([1, 2]).toBytes()
    const message = create(ReadPagesResponseSchema, { pages, writtenLsns: [1n, 1n], data: new Uint8Array(1024), ...fields })
    expect(() => readPagesFromWire(message, PAGE_SIZE)).toThrow(expect.objectContaining({ name: 'ProtocolError', code }))
  })
})

describe('a watch', () => {
  const watch = (count: number) => watchRequestToWire(Array.from({ length: count }, (_, i) => [volumeId(i), lsn(i)] as const))

  test('is taken up to its limit', () => {
    expect(watchRequestFromWire(watch(3), { volumesMax: 3 }).size).toBe(3)
    expect(() => watchRequestFromWire(watch(4), { volumesMax: 3 })).toThrow(
      expect.objectContaining({ kind: 'exhausted', code: 'WATCH_TOO_LARGE' }),
    )
    expect(() => watchRequestFromWire(watch(0), { volumesMax: 3 })).toThrow(expect.objectContaining({ code: 'MESSAGE_INVALID' }))
  })

  test('of a volume that is named twice counts the lower LSN', () => {
    const twice = watchRequestToWire([7, 5, 9].map((known) => [volumeId(), lsn(known)]))
    expect([...watchRequestFromWire(twice, { volumesMax: 3 })]).toEqual([[volumeId(), 5]])
  })

  test('an event without a volume is a heartbeat, whatever else it holds', () => {
    expect(watchEventFromWire(create(WatchEventSchema, { lsn: 9n }))).toBeUndefined()
  })
})

describe('what a store says about itself', () => {
  const meta = { protocolVersions: [1], features: ['x'], requestBytesMax: 1, inlineBytesMax: 0, refsMax: 1, pagesMax: 1 }
  const pages = { protocolVersions: [1, 2], features: [], requestBytesMax: 1, writePagesMax: 1, readPagesMax: 1, readBytesMax: 1 }

  test('a server of another version is refused', () => {
    expect(() => checkProtocolVersion([2, 3])).toThrow(
      expect.objectContaining({ code: 'VERSION_UNSUPPORTED', kind: 'unsupported' }),
    )
    checkProtocolVersion([1, 2])
    const newer = create(DescribeMetaResponseSchema, { ...meta, protocolVersions: [2] })
    expect(() => metaDescriptionFromWire(newer)).toThrow(expect.objectContaining({ code: 'VERSION_UNSUPPORTED' }))
    expect(() => pageDescriptionFromWire(create(DescribePagesResponseSchema))).toThrow(
      expect.objectContaining({ code: 'VERSION_UNSUPPORTED' }),
    )
  })

  test('inline pages may be off; every other limit lets something through', () => {
    expect(metaDescriptionFromWire(create(DescribeMetaResponseSchema, meta)).limits.inlineBytesMax).toBe(0)
    for (const name of ['requestBytesMax', 'refsMax', 'pagesMax']) {
      const message = create(DescribeMetaResponseSchema, { ...meta, [name]: 0 })
      expect(() => metaDescriptionFromWire(message)).toThrow(expect.objectContaining({ code: 'MESSAGE_INVALID' }))
    }
    expect(pageDescriptionFromWire(create(DescribePagesResponseSchema, pages)).limits.readPagesMax).toBe(1)
    for (const name of ['requestBytesMax', 'writePagesMax', 'readPagesMax', 'readBytesMax']) {
      const message = create(DescribePagesResponseSchema, { ...pages, [name]: 0 })
      expect(() => pageDescriptionFromWire(message)).toThrow(expect.objectContaining({ code: 'MESSAGE_INVALID' }))
    }
  })
})
