import { create, type DescMessage, fromBinary, type MessageInitShape, type MessageShape, toBinary } from '@bufbuild/protobuf'
import { Splinter } from '@graft-ts/splinter'
import { idToBytes } from '@graft-ts/volume'
import { describe, expect, test } from 'vitest'
import {
  CommitRequestSchema,
  CommitResponseSchema,
  commitProposalToWire,
  DescribeMetaResponseSchema,
  DescribePagesResponseSchema,
  DescribeRequestSchema,
  ErrorDetailSchema,
  HistoryEntrySchema,
  HistoryRequestSchema,
  META_LIMITS_DEFAULT,
  metaDescriptionToWire,
  PullRequestSchema,
  PullResponseSchema,
  ReadPagesRequestSchema,
  ReadPagesResponseSchema,
  SignedSegmentRefSchema,
  SnapshotRequestSchema,
  SnapshotSchema,
  snapshotToWire,
  WatchEventSchema,
  WatchRequestSchema,
  WritePagesRequestSchema,
  WritePagesResponseSchema,
  watchEventToWire,
  watchRequestToWire,
} from '../../src/index.ts'
import golden from '../fixtures/v1/messages.json' with { type: 'json' }
import { clientId, commitId, lsn, PROPOSAL, SNAPSHOT, segmentId, volumeId } from '../samples.ts'

const pages = Splinter.from([1, 9]).toBytes()
const snapshot = snapshotToWire(SNAPSHOT)
const ref = create(SignedSegmentRefSchema, {
  ref: Uint8Array.of(1, 2),
  issuedAtMs: 1_700_000_000_000n,
  keyId: 'key',
  signature: new Uint8Array(32).fill(3),
})
const changes = { snapshot, changed: pages, floor: 4 }
const vid = idToBytes(volumeId())

/** One message of each kind, with every field set to something that is not its default. */
const MESSAGES: Readonly<Record<string, readonly [DescMessage, MessageShape<DescMessage>]>> = {
  describeRequest: one(DescribeRequestSchema, {}),
  describeMeta: one(
    DescribeMetaResponseSchema,
    metaDescriptionToWire({
      features: ['history'],
      limits: META_LIMITS_DEFAULT,
      watch: { volumesMax: 1, watchesPerPrincipalMax: 2, watchesMax: 3, heartbeatMs: 4 },
    }),
  ),
  describePages: one(DescribePagesResponseSchema, {
    protocolVersions: [1],
    features: ['x'],
    requestBytesMax: 1,
    writePagesMax: 2,
    readPagesMax: 3,
    readBytesMax: 4,
  }),
  errorDetail: one(ErrorDetailSchema, { kind: 'exhausted', code: 'STORE_THROTTLED', retryAfterMs: 0 }),
  snapshot: one(SnapshotSchema, snapshot),
  pullRequest: one(PullRequestSchema, { volumeId: vid, since: 5n, atLeast: 6n }),
  pullResponse: one(PullResponseSchema, changes),
  commitRequest: one(CommitRequestSchema, { ...commitProposalToWire({ ...PROPOSAL, floor: 9 }), refs: [ref] }),
  committed: one(CommitResponseSchema, { outcome: { case: 'committed', value: { snapshot } } }),
  conflict: one(CommitResponseSchema, {
    outcome: { case: 'conflict', value: { ...changes, commitIdAfterBase: idToBytes(commitId()) } },
  }),
  snapshotAtLsn: one(SnapshotRequestSchema, { volumeId: vid, lsn: 7n }),
  snapshotAtTime: one(SnapshotRequestSchema, { volumeId: vid, timestampMs: 0n }),
  historyRequest: one(HistoryRequestSchema, { volumeId: vid, from: 1n, to: 7n }),
  historyEntry: one(HistoryEntrySchema, {
    snapshot,
    commitId: idToBytes(commitId()),
    clientId: idToBytes(clientId()),
    own: pages,
    floor: 0,
    segmentIds: [idToBytes(segmentId())],
    inlineBytes: 512,
  }),
  watchRequest: one(WatchRequestSchema, watchRequestToWire([[volumeId(), lsn(7)]])),
  watchEvent: one(WatchEventSchema, watchEventToWire({ volumeId: volumeId(), lsn: lsn(8) })),
  heartbeat: one(WatchEventSchema, watchEventToWire(undefined)),
  writePagesRequest: one(WritePagesRequestSchema, { volumeId: vid, pageSize: 512, pages, data: Uint8Array.of(1, 2, 3) }),
  writePagesResponse: one(WritePagesResponseSchema, { refs: [ref] }),
  readPagesRequest: one(ReadPagesRequestSchema, { volumeId: vid, lsn: 7n, wanted: pages, alsoUseful: pages }),
  readPagesResponse: one(ReadPagesResponseSchema, { pages, writtenLsns: [0n, 300n], data: Uint8Array.of(1) }),
}

function one<Desc extends DescMessage>(desc: Desc, init: MessageInitShape<Desc>): readonly [Desc, MessageShape<Desc>] {
  return [desc, create(desc, init)]
}

// What other versions and other languages speak. These bytes stay as they are: a message that changes is a new version.
describe.each(Object.entries(MESSAGES))('the bytes of %s', (name, [desc, message]) => {
  const hex = (golden as Readonly<Record<string, string>>)[name] ?? 'missing'

  test('are those that were released', () => {
    expect(Buffer.from(toBinary(desc, message)).toString('hex')).toBe(hex)
  })

  test('mean the same', () => {
    expect(fromBinary(desc, Uint8Array.from(Buffer.from(hex, 'hex')))).toEqual(message)
  })
})

test('every golden message is one of these', () => {
  expect(Object.keys(golden).sort()).toEqual(Object.keys(MESSAGES).sort())
})
