import { Splinter } from '@graft-ts/splinter'
import {
  type CommitRecord,
  clientIdFromBytes,
  concatBytes,
  decodeSegmentIndex,
  encodeCommit,
  encodeHeadHint,
  encodeRun,
  encodeSegmentRef,
  framePages,
  frameRange,
  type Lsn,
  type PageSize,
  packOffsets,
  parsePageSize,
  SegmentBuilder,
  type SegmentRef,
  type VolumeId,
} from '../../src/index.ts'
import { payloadOf, seal, unseal } from '../forge.ts'
import { fixedCodec } from './fixed-codec.ts'
import {
  commitA,
  type GoldenCase,
  hex,
  idBytes,
  plainCommit,
  plainRef,
  segmentA,
  segmentB,
  sha256,
  volumeA,
  volumeB,
} from './golden-case.ts'

const PAGE_4K = parsePageSize(4096)
const PAGE_512 = parsePageSize(512)

function ref(pages: Splinter, { segmentId = segmentA, offset = 0, pagesPerFrame = 64 } = {}): SegmentRef {
  const count = Math.ceil(pages.size / pagesPerFrame)
  const lengths = Uint32Array.from({ length: count }, (_, i) => 65 + i * 1000)
  const checksums = BigUint64Array.from({ length: count }, (_, i) => 0xf0e1d2c3b4a59687n - BigInt(i))
  return { segmentId, pages, offset, frames: { lengths, checksums } }
}

const base: CommitRecord = {
  volumeId: volumeA,
  lsn: 2 as Lsn,
  commitId: commitA,
  clientId: clientIdFromBytes(idBytes(0xc0, 1)),
  pageCount: 100,
  floor: undefined,
  pageSize: PAGE_4K,
  timestampMs: 1_700_000_000_123,
  previousHash: Uint8Array.from({ length: 32 }, (_, i) => i),
  checkpointLsn: 0 as Lsn,
  own: Splinter.from([1, 2, 90]),
  refs: [ref(Splinter.from([1, 2, 90]))],
  layers: [],
  inline: undefined,
}

const none = new Splinter()
/** Layer i of a record: `pages` of [page, offset of its commit in the layer's range]. */
function layer(number: number, pages: readonly (readonly [number, number])[], floor?: number) {
  const offsets = pages.map(([, offset]) => offset)
  return { pages: Splinter.from(pages.map(([page]) => page)), packedOffsets: packOffsets(offsets, number), floor }
}

const overlapping = [
  ref(Splinter.fromRange(1, 130)),
  ref(Splinter.from([5, 900, 65_536, 70_000]), { segmentId: segmentB, offset: 4_000_000_000 }),
  ...Array.from({ length: 38 }, (_, i) => ref(Splinter.fromRange(200 * i + 1, 200 * i + 70), { segmentId: segmentB, offset: i })),
]

const COMMITS: Readonly<Record<string, Partial<CommitRecord>>> = {
  'first of a volume': { lsn: 1 as Lsn, previousHash: new Uint8Array(0) },
  plain: {},
  'with a floor, grown again': { lsn: 3 as Lsn, floor: 4 },
  shrinking: { lsn: 3 as Lsn, floor: 2, pageCount: 2, own: Splinter.from([2]), refs: [ref(Splinter.from([2]))] },
  'longer, nothing written': { lsn: 5 as Lsn, pageCount: 1000, own: none, refs: [] },
  'emptied, nothing written': { lsn: 5 as Lsn, floor: 0, pageCount: 0, own: none, refs: [] },
  'many refs, which overlap': { pageCount: 100_000, own: Splinter.fromRange(1, 130).add(900).add(7470), refs: overlapping },
  'pages of a ref that it does not use': { own: Splinter.from([2]), refs: [ref(Splinter.fromRange(1, 65))] },
  'all layers': {
    lsn: 16 as Lsn,
    floor: 95,
    layers: [
      layer(
        1,
        [
          [3, 0],
          [94, 0],
        ],
        95,
      ),
      layer(
        2,
        [
          [4, 0],
          [5, 1],
          [80, 1],
        ],
        80,
      ),
      layer(
        3,
        [
          [6, 3],
          [7, 0],
          [8, 2],
          [9, 1],
        ],
        80,
      ),
      layer(
        4,
        [
          [10, 7],
          [11, 0],
          [70, 5],
        ],
        60,
      ),
    ],
  },
  'fewer layers than its LSN allows': { lsn: 8 as Lsn, layers: [layer(1, [[3, 0]])] },
  'empty layers': { lsn: 4 as Lsn, layers: [layer(1, []), layer(2, [], 7)] },
  'a layer of many commits': {
    lsn: (2 ** 41 * 3) as Lsn,
    pageCount: 300_000,
    layers: Array.from({ length: 40 }, (_, i) => {
      const most = 2 ** i - 1
      return layer(i + 1, [
        [100 + i, 0],
        [70_000 + i, most],
        [200_000 + i, Math.floor(most / 3)],
      ])
    }),
  },
  'with a checkpoint': { lsn: 9 as Lsn, checkpointLsn: 8 as Lsn },
  'largest numbers': {
    lsn: (2 ** 53 - 1) as Lsn,
    checkpointLsn: (2 ** 53 - 2) as Lsn,
    timestampMs: 2 ** 53 - 1,
    pageCount: 2 ** 32 - 1,
    floor: 2 ** 32 - 1,
    pageSize: parsePageSize(65_536),
    own: Splinter.from([1, 2 ** 32 - 1]),
    refs: [ref(Splinter.from([1, 2 ** 32 - 1]), { offset: 2 ** 32 - 1 - 65, pagesPerFrame: 4 })],
  },
  'smallest pages': { pageSize: PAGE_512 },
}

const commit = (name: string, record: CommitRecord, bytes: Uint8Array, bytesBehind = 0): GoldenCase => ({
  name,
  reader: 'commit',
  bytes,
  says: { ...plainCommit(record), bytesBehind },
})

function sealedCommits(): GoldenCase[] {
  const cases = Object.entries(COMMITS).map(([name, change]) => {
    const record = { ...base, ...change }
    return commit(name, record, encodeCommit(record))
  })
  // What later writers may add to this version, and readers of today skip: fields that can be ignored.
  const payload = unseal(encodeCommit(base))
  const later = payloadOf([
    { number: 100, value: 7n },
    { number: 101, value: { fixed64: 1n } },
    { number: 102, value: Uint8Array.of(1, 2) },
  ])
  cases.push(commit('unknown fields are skipped', base, seal(concatBytes([payload, later]), { kind: 1 })))
  const twice = payloadOf([{ number: 5, value: 1n }])
  cases.push(commit('of a field that comes twice the last counts', base, seal(concatBytes([twice, payload]), { kind: 1 })))
  return cases
}

/** Pages that compress, or not. */
function run(volumeId: VolumeId, indexes: readonly number[], pageSize: PageSize, isNoise = false) {
  const data = new Uint8Array(indexes.length * pageSize)
  for (const [i, page] of indexes.entries()) {
    const at = i * pageSize
    data.fill(page & 255, at, at + pageSize)
    for (let b = 0; b < (isNoise ? pageSize : 4); b++) data[at + b] = (Math.imul(page * 64 + b, 2654435761) >>> 23) & 255
  }
  return { volumeId, pageSize, pages: Splinter.from(indexes), data }
}

async function inlineCommits(): Promise<GoldenCase[]> {
  const pages = [7, 8, 50]
  const source = run(volumeA, pages, PAGE_512)
  const { parts, frames } = await encodeRun(source, commitA, fixedCodec)
  const inlineRef: SegmentRef = { segmentId: undefined, pages: source.pages, offset: 0, frames }
  const inline = { byteLength: concatBytes(parts).length, hash: sha256(concatBytes(parts)) }
  const alone = { ...base, pageSize: PAGE_512, own: source.pages, refs: [inlineRef], inline }
  const mixed = { ...alone, own: Splinter.from([1, 2, ...pages]), refs: [ref(Splinter.from([1, 2, 7])), inlineRef] }
  return [
    commit('inline frames', alone, concatBytes([encodeCommit(alone), ...parts]), inline.byteLength),
    commit('inline frames and a segment', mixed, concatBytes([encodeCommit(mixed), ...parts]), inline.byteLength),
  ]
}

async function segments(): Promise<GoldenCase[]> {
  const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1)
  const runs = [
    run(volumeA, [1, 2, 90], PAGE_512),
    run(volumeB, [1, 4_000_000_000], PAGE_4K),
    run(volumeA, [2, 3], PAGE_512, true),
    run(volumeB, upTo(70), PAGE_512),
    run(volumeA, [9], parsePageSize(65_536)),
  ]
  const two = [run(volumeA, [1, 2, 90], PAGE_512), run(volumeB, upTo(6), PAGE_512)]
  return [
    await segment('one run', segmentA, two.slice(0, 1)),
    await segment('two runs', segmentA, two),
    await segment('runs of volumes, page sizes and codecs', segmentB, runs),
  ]
}

async function segment(name: string, segmentId: typeof segmentA, runs: readonly ReturnType<typeof run>[]): Promise<GoldenCase> {
  const builder = new SegmentBuilder({ segmentId, codec: fixedCodec })
  const listed = []
  for (const each of runs) {
    const { volumeId, pageSize } = each
    listed.push({ volumeId, pageSize, ref: plainRef(await builder.add(each)) })
  }
  return { name, reader: 'segment', bytes: builder.finish(), says: { segmentId, runs: listed } }
}

/** The frames of a segment, each as its ref and its run have it. */
async function frames(): Promise<GoldenCase[]> {
  const { bytes } = (await segments()).at(-1) as GoldenCase
  const { runs } = decodeSegmentIndex(bytes)
  const pick = (name: string, runAt: number, frame: number, source: ReturnType<typeof run>): GoldenCase => {
    const { ref, volumeId, pageSize } = runs[runAt] as (typeof runs)[0]
    const { offset, length } = frameRange(ref, frame)
    const at = frame * 64 * pageSize
    const says = hex(sha256(source.data.subarray(at, at + framePages(ref, pageSize, frame).count * pageSize)))
    const checksum = (ref.frames.checksums[frame] as bigint).toString(16)
    const wanted = { volumeId, ownerId: segmentB, pageSize, checksum, ...framePages(ref, pageSize, frame) }
    return { name, reader: 'frame', bytes: bytes.slice(offset, offset + length), says, wanted }
  }
  const upTo70 = Array.from({ length: 70 }, (_, i) => i + 1)
  return [
    pick('deflate', 0, 0, run(volumeA, [1, 2, 90], PAGE_512)),
    pick('raw', 2, 0, run(volumeA, [2, 3], PAGE_512, true)),
    pick('last of a run', 3, 1, run(volumeB, upTo70, PAGE_512)),
    await inlineFrame(),
    await zstdFrame(),
  ]
}

async function inlineFrame(): Promise<GoldenCase> {
  const source = run(volumeA, [7, 8, 50], PAGE_512)
  const { parts, frames: table } = await encodeRun(source, commitA, fixedCodec)
  const checksum = (table.checksums[0] as bigint).toString(16)
  const wanted = { volumeId: volumeA, ownerId: commitA, pageSize: 512, checksum, first: 7, last: 50, count: 3 }
  return { name: 'inline', reader: 'frame', bytes: concatBytes(parts), says: hex(sha256(source.data)), wanted }
}

async function zstdFrame(): Promise<GoldenCase> {
  const source = { ...run(volumeA, [7, 8, 50], PAGE_512), data: new Uint8Array(3 * 512).fill(7) }
  const { parts, frames: table } = await encodeRun(source, segmentA, { ...fixedCodec, format: 'zstd' })
  const checksum = (table.checksums[0] as bigint).toString(16)
  const wanted = { volumeId: volumeA, ownerId: segmentA, pageSize: 512, checksum, first: 7, last: 50, count: 3 }
  return { name: 'zstd', reader: 'frame', bytes: concatBytes(parts), says: hex(sha256(source.data)), wanted }
}

function small(): GoldenCase[] {
  const heads = [0, 1, 70, 2 ** 53 - 1].map((lsn): GoldenCase => {
    return { name: `lsn ${lsn}`, reader: 'head', bytes: encodeHeadHint(lsn as Lsn), says: lsn }
  })
  const refs = [
    ['in a segment', ref(Splinter.fromRange(1, 130), { offset: 70_000 })],
    ['inline', { ...ref(Splinter.from([3])), segmentId: undefined }],
  ] as const
  return [
    ...heads,
    ...refs.map(([name, each]): GoldenCase => ({ name, reader: 'ref', bytes: encodeSegmentRef(each), says: plainRef(each) })),
  ]
}

/** Files that every reader of this version understands, from fixed numbers. */
export async function goodCases(): Promise<GoldenCase[]> {
  return [...sealedCommits(), ...(await inlineCommits()), ...small(), ...(await segments()), ...(await frames())]
}
