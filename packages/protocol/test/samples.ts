import { Splinter } from '@graft-ts/splinter'
import {
  type Changes,
  type ClientId,
  type CommitId,
  type CommitRecord,
  type Lsn,
  newClientId,
  newCommitId,
  newSegmentId,
  newVolumeId,
  PAGE_INDEX_MAX,
  type PageSize,
  parsePageSize,
  type SegmentId,
  type Snapshot,
  type VolumeId,
} from '@graft-ts/volume'
import fc from 'fast-check'
import type { CommitAnswer, CommitProposal } from '../src/index.ts'

/** Runs and seed of every property. */
export const parameters: { seed: number; numRuns: number } = {
  seed: Number(process.env['FAST_CHECK_SEED'] ?? 7),
  numRuns: Number(process.env['FAST_CHECK_RUNS'] ?? 200),
}

const idSourceOf = (n: number) => ({
  nowMs: () => 1_700_000_000_000 + n,
  randomBytes: (length: number) => Uint8Array.from({ length }, (_, i) => (n * 31 + i * 7) & 0xff),
})
export const volumeId = (n = 1): VolumeId => newVolumeId(idSourceOf(n))
export const clientId = (n = 1): ClientId => newClientId(idSourceOf(n))
export const commitId = (n = 1): CommitId => newCommitId(idSourceOf(n))
export const segmentId = (n = 1): SegmentId => newSegmentId(idSourceOf(n))
export const lsn = (n: number): Lsn => n as Lsn

export const PAGE_SIZE: PageSize = parsePageSize(512)

/** A snapshot that any test may send. */
export const SNAPSHOT: Snapshot = {
  volumeId: volumeId(),
  lsn: lsn(7),
  pageCount: 9,
  pageSize: PAGE_SIZE,
  timestampMs: 1_700_000_000_000,
}

/** A proposal that every limit accepts. */
export const PROPOSAL: CommitProposal = {
  volumeId: volumeId(),
  baseLsn: lsn(6),
  commitId: commitId(),
  clientId: clientId(),
  pageSize: PAGE_SIZE,
  pageCount: 9,
  floor: undefined,
  own: Splinter.from([1, 9]),
  refs: [],
  inline: { pages: Splinter.from([1, 9]), data: new Uint8Array(2 * PAGE_SIZE).fill(3) },
}

/** Values with page sets as arrays, so that they can be compared. For small sets. */
export function plain(value: unknown): unknown {
  if (value instanceof Splinter) return { pages: [...value] }
  if (value instanceof Uint8Array) return { bytes: [...value] }
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, plain(field)]))
}

const ids = fc.nat(1_000_000)
export const pageCounts: fc.Arbitrary<number> = fc.oneof(fc.nat(100), fc.integer({ min: 0, max: PAGE_INDEX_MAX }))
export const lsns: fc.Arbitrary<Lsn> = fc.oneof(fc.nat(100), fc.maxSafeNat()).map((n) => n as Lsn)
export const pageSizes: fc.Arbitrary<PageSize> = fc.integer({ min: 9, max: 16 }).map((n) => parsePageSize(2 ** n))
export const floors: fc.Arbitrary<number | undefined> = fc.option(pageCounts, { nil: undefined })
const pageIndexes = fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: PAGE_INDEX_MAX }))
export const pageSets: fc.Arbitrary<Splinter> = fc
  .uniqueArray(pageIndexes, { maxLength: 12 })
  .map((pages) => Splinter.from(pages.sort((a, b) => a - b)))

export const snapshots: fc.Arbitrary<Snapshot> = fc.record({
  volumeId: ids.map(volumeId),
  lsn: lsns,
  pageCount: pageCounts,
  pageSize: pageSizes,
  timestampMs: fc.maxSafeNat(),
})

export const changes: fc.Arbitrary<Changes> = fc.record({ pages: pageSets, floor: floors })

const bytes = (maxLength: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength })

const inlines: fc.Arbitrary<CommitProposal['inline']> = fc.option(
  pageSets.map((pages) => ({ pages, data: new Uint8Array(pages.size * PAGE_SIZE).fill(pages.size) })),
  { nil: undefined },
)

const signedRefs: fc.Arbitrary<CommitProposal['refs'][number]> = fc.record({
  $typeName: fc.constant('graft.v1.SignedSegmentRef' as const),
  ref: bytes(20),
  issuedAtMs: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  keyId: fc.string({ maxLength: 5 }),
  signature: bytes(32),
})

export const proposals: fc.Arbitrary<CommitProposal> = fc.record({
  volumeId: ids.map(volumeId),
  baseLsn: lsns,
  commitId: ids.map(commitId),
  clientId: ids.map(clientId),
  pageSize: fc.constant(PAGE_SIZE),
  pageCount: pageCounts,
  floor: floors,
  own: pageSets,
  refs: fc.array(signedRefs, { maxLength: 3 }),
  inline: inlines,
})

export const commitAnswers: fc.Arbitrary<CommitAnswer> = fc.oneof(
  snapshots.map((snapshot) => ({ type: 'committed' as const, snapshot })),
  fc.record({
    type: fc.constant('conflict' as const),
    snapshot: snapshots,
    changes,
    commitIdAfterBase: fc.option(ids.map(commitId), { nil: undefined }),
  }),
)

export const records: fc.Arbitrary<CommitRecord> = fc
  .record({
    snapshot: snapshots,
    own: pageSets,
    floor: floors,
    inlineBytes: fc.nat(32768),
    segments: fc.array(fc.nat(3), { maxLength: 4 }),
  })
  .map(({ snapshot, own, floor, inlineBytes, segments }) => ({
    ...snapshot,
    commitId: commitId(),
    clientId: clientId(),
    floor,
    previousHash: new Uint8Array(32),
    checkpointLsn: lsn(0),
    own,
    // 0 stands for the commit itself.
    refs: segments.map((n) => ({
      segmentId: n === 0 ? undefined : segmentId(n),
      pages: Splinter.from([1]),
      offset: 0,
      frames: { lengths: Uint32Array.of(100), checksums: BigUint64Array.of(1n) },
    })),
    layers: [],
    inline: inlineBytes === 0 ? undefined : { byteLength: inlineBytes, hash: new Uint8Array(32) },
  }))

/** The ways in which bytes get damaged or forged. */
export const mutations: fc.Arbitrary<(bytes: Uint8Array) => Uint8Array> = fc.oneof(
  fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })).map(([at, xor]) => (bytes: Uint8Array) => {
    const copy = Uint8Array.from(bytes)
    if (copy.length > 0) copy[at % copy.length] = (copy[at % copy.length] as number) ^ xor
    return copy
  }),
  fc.nat().map((at) => (bytes: Uint8Array) => bytes.slice(0, at % (bytes.length + 1))),
  fc.tuple(fc.nat(), bytes(8)).map(([at, more]) => (bytes: Uint8Array) => {
    const cut = at % (bytes.length + 1)
    return Uint8Array.of(...bytes.subarray(0, cut), ...more, ...bytes.subarray(cut))
  }),
  bytes(64).map((other) => () => other),
)
