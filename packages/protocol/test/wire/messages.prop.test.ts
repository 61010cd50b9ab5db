import { create, type DescMessage, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf'
import { Splinter } from '@graft-ts/splinter'
import { LSN_NONE, type PageSize } from '@graft-ts/volume'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  CommitRequestSchema,
  CommitResponseSchema,
  commitAnswerFromWire,
  commitAnswerToWire,
  commitNamesFromWire,
  commitProposalFromWire,
  commitProposalToWire,
  DescribeMetaResponseSchema,
  HistoryEntrySchema,
  historyEntryFromWire,
  historyEntryToWire,
  META_LIMITS_DEFAULT,
  metaDescriptionFromWire,
  metaDescriptionToWire,
  ProtocolError,
  PullResponseSchema,
  pullAnswerFromWire,
  pullAnswerToWire,
  ReadPagesResponseSchema,
  readPagesFromWire,
  SnapshotSchema,
  snapshotFromWire,
  snapshotToWire,
  WatchEventSchema,
  WatchRequestSchema,
  watchEventFromWire,
  watchEventToWire,
  watchRequestFromWire,
  watchRequestToWire,
} from '../../src/index.ts'
import {
  changes,
  commitAnswers,
  lsns,
  mutations,
  PAGE_SIZE,
  pageSets,
  parameters,
  plain,
  proposals,
  records,
  snapshots,
  volumeId,
} from '../samples.ts'

/** One conversion, both ways, over the bytes that really travel. */
interface Conversion {
  readonly name: string
  readonly schema: DescMessage
  readonly messages: fc.Arbitrary<{ readonly value: unknown; readonly message: MessageShape<DescMessage> }>
  decode(message: MessageShape<DescMessage>): unknown
}

function conversion<Desc extends DescMessage, T>(
  schema: Desc,
  values: fc.Arbitrary<T>,
  encode: (value: T) => MessageShape<Desc>,
  decode: (message: MessageShape<Desc>) => unknown,
  expected: (value: T) => unknown = (value) => value,
): Conversion {
  return {
    name: schema.name,
    schema,
    messages: values.map((value) => ({ value: expected(value), message: encode(value) })),
    decode,
  }
}

const readGroups = fc.tuple(pageSets, fc.array(lsns, { minLength: 12, maxLength: 12 })).map(([pages, many]) => {
  const indexes = [...pages]
  return indexes.map((pageIndex, i) => ({
    pageIndex,
    writtenLsn: many[i],
    bytes: many[i] === LSN_NONE ? undefined : new Uint8Array(PAGE_SIZE).fill(i + 1),
  }))
})

const limitValues = fc.integer({ min: 1, max: 0xffffffff })
const descriptions = fc.record({
  limits: fc.record({
    requestBytesMax: limitValues,
    inlineBytesMax: fc.nat(0xffff),
    refsMax: limitValues,
    pagesMax: limitValues,
  }),
  features: fc.array(fc.string(), { maxLength: 3 }),
  watch: fc.option(
    fc.record({
      volumesMax: limitValues,
      watchesPerPrincipalMax: limitValues,
      watchesMax: limitValues,
      heartbeatMs: limitValues,
    }),
    { nil: undefined },
  ),
})

const volumeIds = fc.nat(1000).map(volumeId)
const advances = fc.option(fc.record({ volumeId: volumeIds, lsn: lsns }), { nil: undefined })
const watched = fc.uniqueArray(fc.tuple(volumeIds, lsns), { minLength: 1, maxLength: 9, selector: ([id]) => id })

const CONVERSIONS: readonly Conversion[] = [
  conversion(SnapshotSchema, snapshots, snapshotToWire, snapshotFromWire),
  conversion(PullResponseSchema, fc.record({ snapshot: snapshots, changes }), pullAnswerToWire, pullAnswerFromWire),
  conversion(CommitRequestSchema, proposals, commitProposalToWire, (message) =>
    commitProposalFromWire(message, META_LIMITS_DEFAULT),
  ),
  conversion(CommitResponseSchema, commitAnswers, commitAnswerToWire, commitAnswerFromWire),
  conversion(HistoryEntrySchema, records, historyEntryToWire, historyEntryFromWire, (record) => ({
    snapshot: {
      volumeId: record.volumeId,
      lsn: record.lsn,
      pageCount: record.pageCount,
      pageSize: record.pageSize,
      timestampMs: record.timestampMs,
    },
    commitId: record.commitId,
    clientId: record.clientId,
    own: Splinter.from(record.own),
    floor: record.floor,
    segmentIds: [...new Set(record.refs.map((ref) => ref.segmentId))].filter((id) => id !== undefined),
    inlineBytes: record.inline?.byteLength ?? 0,
  })),
  conversion(
    DescribeMetaResponseSchema,
    descriptions,
    (description) => create(DescribeMetaResponseSchema, metaDescriptionToWire(description)),
    metaDescriptionFromWire,
  ),
  conversion(WatchRequestSchema, watched, watchRequestToWire, (message) => [...watchRequestFromWire(message, { volumesMax: 9 })]),
  conversion(WatchEventSchema, advances, watchEventToWire, watchEventFromWire),
  conversion(
    ReadPagesResponseSchema,
    readGroups,
    (group) =>
      create(ReadPagesResponseSchema, {
        pages: Splinter.from(group.map((page) => page.pageIndex)).toBytes(),
        writtenLsns: group.map((page) => BigInt(page.writtenLsn as number)),
        data: Uint8Array.from(group.flatMap((page) => [...(page.bytes ?? [])])),
      }),
    (message) => readPagesFromWire(message, PAGE_SIZE),
  ),
]

describe.each(CONVERSIONS)('$name', ({ schema, messages, decode }) => {
  test('decode after encode is identity, over real bytes', () => {
    fc.assert(
      fc.property(messages, ({ value, message }) => {
        expect(plain(decode(fromBinary(schema, toBinary(schema, message))))).toEqual(plain(value))
      }),
      parameters,
    )
  })

  test('I11: damaged bytes decode or throw our error', () => {
    fc.assert(
      fc.property(messages, mutations, ({ message }, mutate) => {
        expectDecodesOrRefuses(schema, mutate(toBinary(schema, message)), decode)
      }),
      parameters,
    )
  })

  test('I11: a damaged field decodes or throws our error', () => {
    fc.assert(
      fc.property(messages, mutations, fc.nat(), ({ message }, mutate, at) => {
        const fields = Object.entries(message).filter(([, field]) => field instanceof Uint8Array)
        const chosen = fields[at % Math.max(1, fields.length)]
        if (chosen === undefined) return
        const damaged = { ...message, [chosen[0]]: mutate(chosen[1] as unknown as Uint8Array) }
        expectDecodesOrRefuses(schema, toBinary(schema, damaged), decode)
      }),
      parameters,
    )
  })
})

test('I11: the names of a commit decode or are refused before anything else is looked at', () => {
  fc.assert(
    fc.property(proposals, mutations, (proposal, mutate) => {
      const bytes = mutate(toBinary(CommitRequestSchema, commitProposalToWire(proposal)))
      expectDecodesOrRefuses(CommitRequestSchema, bytes, commitNamesFromWire)
    }),
    parameters,
  )
})

test('the names of a commit are those of its proposal', () => {
  fc.assert(
    fc.property(proposals, (proposal) => {
      const { volumeId, baseLsn, commitId, clientId } = proposal
      expect(commitNamesFromWire(commitProposalToWire(proposal))).toEqual({ volumeId, baseLsn, commitId, clientId })
    }),
    parameters,
  )
})

test('I11: any page size of an answer is checked against its bytes', () => {
  const message = create(ReadPagesResponseSchema, {
    pages: Splinter.from([3]).toBytes(),
    writtenLsns: [1n],
    data: new Uint8Array(512),
  })
  expect(() => readPagesFromWire(message, 1024 as PageSize)).toThrow(expect.objectContaining({ code: 'DATA_LENGTH' }))
})

function expectDecodesOrRefuses(schema: DescMessage, bytes: Uint8Array, decode: Conversion['decode']): void {
  let message: MessageShape<DescMessage>
  try {
    message = fromBinary(schema, bytes)
  } catch {
    // Not a message at all: the router refuses it, which its own tests show.
    return
  }
  try {
    decode(message)
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError)
  }
}
