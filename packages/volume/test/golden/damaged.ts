import { Splinter } from '@graft-ts/splinter'
import { concatBytes } from '../../src/index.ts'
import {
  append,
  checksumWithout,
  type Edit,
  fieldsOf,
  footed,
  patched,
  payloadOf,
  seal,
  unseal,
  varint,
  type WireField,
  withField,
  within,
} from '../forge.ts'
import { type FrameWanted, type GoldenCase, idBytes, type Reader, segmentA, volumeB } from './golden-case.ts'

/*
 * Damage of every class. Where a checksum would give it away it is corrected: then the structure alone stands between an
 * attacker, who can compute checksums too, and the reader.
 */

const KIND = { commit: 1, head: 3, segment: 4 } as const
const CONTENT = 'corrupt RECORD_CONTENT'
const set = (...pages: number[]): Uint8Array => Splinter.from(pages).toBytes()
const compose =
  (...edits: readonly Edit[]): Edit =>
  (payload) =>
    edits.reduce((bytes, edit) => edit(bytes), payload)

/** What sealing finds, whatever the payload is. */
function sealDamage(reader: Reader & keyof typeof KIND, record: Uint8Array): [string, Uint8Array, string][] {
  const kind = KIND[reader]
  const payload = unseal(record)
  const n = payload.length
  const otherKind = kind === 1 ? 3 : 1
  const declared = (payloadBytes: number): Uint8Array => seal(payload, { kind, payloadBytes })
  return [
    ['empty', new Uint8Array(0), 'corrupt RECORD_TRUNCATED'],
    ['cut within its header', record.slice(0, 23), 'corrupt RECORD_TRUNCATED'],
    ['cut behind its header', record.slice(0, 24), 'corrupt RECORD_TRUNCATED'],
    ['cut within its payload', record.slice(0, 24 + n - 1), 'corrupt RECORD_TRUNCATED'],
    ['another magic', patched(record, 0, 0x67), 'corrupt RECORD_MAGIC'],
    ['a length beyond its end', declared(n + 1), 'corrupt RECORD_TRUNCATED'],
    ['a length that is too short', patched(record, 8, (n - 1) & 255, (n - 1) >> 8), 'corrupt RECORD_CHECKSUM'],
    ['a length over the limit', declared(8 * 2 ** 20 + 1), 'corrupt RECORD_LENGTH'],
    ['a length of 32 ones', declared(0xffffffff), 'corrupt RECORD_LENGTH'],
    ['a flipped bit in its payload', patched(record, 24, (record[24] as number) ^ 1), 'corrupt RECORD_CHECKSUM'],
    ['a flipped bit in its checksum', patched(record, 16, (record[16] as number) ^ 1), 'corrupt RECORD_CHECKSUM'],
    ['a damaged version', patched(record, 5, 2), 'corrupt RECORD_CHECKSUM'],
    ['a damaged kind', patched(record, 4, otherKind), 'corrupt RECORD_CHECKSUM'],
    ['a newer version', seal(payload, { kind, version: 2 }), 'unsupported RECORD_VERSION'],
    ['version 0', seal(payload, { kind, version: 0 }), 'unsupported RECORD_VERSION'],
    ['another kind', seal(payload, { kind: otherKind }), 'corrupt RECORD_KIND'],
    ['a checkpoint', seal(payload, { kind: 2 }), 'corrupt RECORD_KIND'],
    ['a horizon', seal(payload, { kind: 5 }), 'corrupt RECORD_KIND'],
    ['an unknown kind', seal(payload, { kind: 200 }), 'corrupt RECORD_KIND'],
    ['no payload', seal(new Uint8Array(0), { kind }), CONTENT],
  ]
}

// Fields of a commit.
const COMMIT_EDITS: Readonly<Record<string, Edit>> = {
  'lsn 0': withField(2),
  'an lsn of 2^53': withField(2, 2n ** 53n),
  'an lsn of 64 ones': withField(2, 2n ** 64n - 1n),
  'no volume': withField(1),
  'a volume id of 15 bytes': withField(1, idBytes(0x80, 1).subarray(1)),
  'a segment in place of the volume': withField(1, idBytes(0xa0, 1)),
  'a client in place of the commit': withField(3, idBytes(0xc0, 1)),
  'a commit in place of the client': withField(4, idBytes(0xe0, 1)),
  'a floor above the page count': withField(6, 101n),
  'no page size': withField(7),
  'a page size of 256': withField(7, 256n),
  'a page size of 131072': withField(7, 131_072n),
  'a page size of 4097': withField(7, 4097n),
  'a time of 2^53': withField(8, 2n ** 53n),
  'no hash of the record before': withField(9),
  'a hash of 31 bytes': withField(9, new Uint8Array(31)),
  'a hash at lsn 1': compose(withField(2, 1n), withField(13)),
  'a checkpoint at its own lsn': withField(10, 16n),
  'a checkpoint of 64 ones': withField(10, 2n ** 64n - 1n),
  'no own set': withField(11),
  'an own set that is none': withField(11, new Uint8Array(21)),
  'an own set with a damaged checksum': withField(11, patched(set(1, 2), 0, 1)),
  'an own set with page 0': withField(11, set(0, 1)),
  'an own set above the page count': withField(11, set(1, 101)),
  'inline frames without a hash': withField(14, 5n),
  'a hash without inline frames': withField(15, new Uint8Array(32)),
  'a hash of the inline frames with 33 bytes': compose(withField(14, 5n), withField(15, new Uint8Array(33))),
  'an lsn as bytes': withField(2, Uint8Array.of(4)),
  'an own set as a number': withField(11, 4n),
  'refs as numbers': withField(12, 4n),
  'field number 0': append(0, 0),
  'a wire type that there is not': append(7),
  'a varint that does not end': append(8, 255, 255),
  'a varint of eleven bytes': append(0x28, ...new Array(10).fill(255), 1),
  'an unknown field past its end': append(...varint((100 << 3) | 2), 5, 1),
  'groups in groups': append(...new Array(2000).fill((20 << 3) | 3)),
  'a group that ends as another': append((20 << 3) | 3, (21 << 3) | 4),
}

// Fields of the first ref of a commit.
const REF_EDITS: Readonly<Record<string, Edit>> = {
  'no bytes': () => new Uint8Array(0),
  'a volume in place of the segment': withField(1, idBytes(0x80, 1)),
  'a segment id of 17 bytes': withField(1, new Uint8Array(17).fill(0xa0)),
  'no pages': withField(2),
  'an empty set': withField(2, set()),
  'page 0': withField(2, set(0, 1, 2)),
  'a damaged set': withField(2, patched(set(1, 2), 3, 9)),
  'an offset of 2^32': withField(3, 2n ** 32n),
  'an offset of 64 ones': withField(3, 2n ** 64n - 1n),
  'frames past 2^32': withField(3, 2n ** 32n - 65n),
  'no frame table': compose(withField(4), withField(5)),
  'more lengths than checksums': withField(4, Uint8Array.from([65, 65])),
  'more checksums than lengths': withField(5, new Uint8Array(16)),
  'a frame too many': compose(withField(4, Uint8Array.from([65, 65])), withField(5, new Uint8Array(16))),
  'a thousand frames': compose(withField(4, new Uint8Array(1000).fill(65)), withField(5, new Uint8Array(8000))),
  'a frame of its header alone': withField(4, Uint8Array.of(64)),
  'a frame over the limit': withField(4, Uint8Array.from(varint(64 + 262_144 + 1))),
  'a frame of 32 ones': withField(4, Uint8Array.from(varint(0xffffffff))),
  'checksums of seven bytes': withField(5, new Uint8Array(7)),
  'a set longer than its ref': append(0x12, 200, 1),
}

// Fields of a layer of the commit with all layers.
const LAYER_EDITS: readonly [string, layer: number, Edit][] = [
  ['packed offsets at layer 1', 1, withField(2, Uint8Array.of(0))],
  ['packed offsets too short', 4, withField(2, Uint8Array.of(1))],
  ['packed offsets too long', 4, withField(2, new Uint8Array(3))],
  ['no packed offsets', 2, withField(2)],
  ['no pages', 1, withField(1)],
  ['no set', 3, withField(1, new Uint8Array(15))],
  ['page 0', 1, withField(1, set(0, 3))],
  ['a page that its commit cut off', 1, withField(1, set(3, 96))],
  ['a page that a newer layer cut off', 4, compose(withField(1, set(10, 11, 81)), withField(3, 60n))],
  ['no floor below one', 2, withField(3)],
  ['a floor above a newer one', 4, withField(3, 81n)],
  ['an empty message', 4, () => new Uint8Array(0)],
]

const LAYERS_FIELD = 13
const REFS_FIELD = 12

function commitDamage(good: ReadonlyMap<string, Uint8Array>): [string, Uint8Array, string][] {
  const layered = good.get('all layers') as Uint8Array
  const inline = good.get('inline frames') as Uint8Array
  const plain = good.get('plain') as Uint8Array
  const sealed = (record: Uint8Array, edit: Edit): Uint8Array => seal(edit(unseal(record)), { kind: 1 })
  const frames = inline.subarray(24 + unseal(inline).length)
  const content = (name: string, record: Uint8Array, edit: Edit): [string, Uint8Array, string] => [
    name,
    sealed(record, edit),
    CONTENT,
  ]
  const noLayer = withField(LAYERS_FIELD, ...new Array<Uint8Array>(1).fill(concatBytes([Uint8Array.of(10, 13), set()])))
  const manyLayers = withField(LAYERS_FIELD, ...new Array<Uint8Array>(53).fill(concatBytes([Uint8Array.of(10, 13), set()])))
  return [
    ...sealDamage('commit', layered),
    ...Object.entries(COMMIT_EDITS).map(([name, edit]) => content(name, layered, edit)),
    ...Object.entries(REF_EDITS).map(([name, edit]) => content(`ref: ${name}`, layered, within(REFS_FIELD, edit))),
    ...LAYER_EDITS.map(([name, number, edit]) => content(`layer: ${name}`, layered, within(LAYERS_FIELD, edit, number - 1))),
    content(
      'layer: a page above the page count',
      good.get('fewer layers than its LSN allows') as Uint8Array,
      within(LAYERS_FIELD, withField(1, set(101))),
    ),
    content(
      'layer: a floor above the page count',
      good.get('empty layers') as Uint8Array,
      within(LAYERS_FIELD, withField(3, 101n), 1),
    ),
    content('a layer at an odd lsn', layered, compose(withField(2, 15n), noLayer)),
    content('more layers than its lsn allows', layered, withField(2, 8n)),
    content('more layers than any lsn allows', layered, compose(withField(2, 2n ** 52n), manyLayers)),
    content('an inline ref without inline frames', plain, within(REFS_FIELD, withField(1))),
    [
      'an inline ref past the inline frames',
      concatBytes([sealed(inline, within(REFS_FIELD, withField(3, 1n))), frames]),
      CONTENT,
    ],
    [
      'inline frames shorter than their ref',
      concatBytes([sealed(inline, withField(14, BigInt(frames.length - 1))), frames]),
      CONTENT,
    ],
  ]
}

function headDamage(good: ReadonlyMap<string, Uint8Array>): [string, Uint8Array, string][] {
  const record = good.get('lsn 70') as Uint8Array
  const payload = unseal(record)
  const sealed = (bytes: Uint8Array): Uint8Array => seal(bytes, { kind: KIND.head })
  return [
    ...sealDamage('head', record),
    ['seven bytes', sealed(payload.subarray(1)), CONTENT],
    ['nine bytes', sealed(concatBytes([payload, new Uint8Array(1)])), CONTENT],
    ['an lsn of 2^53', sealed(Uint8Array.of(0, 0, 0, 0, 0, 0, 32, 0)), CONTENT],
    ['an lsn of 64 ones', sealed(new Uint8Array(8).fill(255)), CONTENT],
  ]
}

// Fields of a segment index.
const INDEX_EDITS: Readonly<Record<string, Edit>> = {
  'no segment': withField(1),
  'a volume in place of the segment': withField(1, idBytes(0x80, 1)),
  'another segment than its runs': withField(1, idBytes(0xa0, 9)),
  'no run, and yet frames': withField(2),
  'a run without bytes': within(2, () => new Uint8Array(0)),
  'a run without a ref': within(2, withField(3)),
  'a run of a segment in place of a volume': within(2, withField(1, idBytes(0xa0, 1))),
  'a page size of 1000': within(2, withField(2, 1000n)),
  'another page size than the frames': within(2, withField(2, 65_536n), 1),
  'a run that begins late': within(2, within(3, withField(3, 1n))),
  'a run that ends early': within(2, within(3, withField(4, Uint8Array.of(65)))),
  'a run that is listed twice': (payload) => {
    const fields = fieldsOf(payload)
    return payloadOf([...fields, fields[1] as WireField])
  },
  'runs in another order': (payload) => {
    const [id, first, second, ...rest] = fieldsOf(payload) as [WireField, WireField, WireField, ...WireField[]]
    return payloadOf([id, second, first, ...rest])
  },
  'a run is missing': (payload) => payloadOf(fieldsOf(payload).slice(0, -1)),
  'a run longer than the index': append(0x12, 200, 1),
}

function segmentDamage(good: ReadonlyMap<string, Uint8Array>): [string, Uint8Array, string][] {
  const bytes = good.get('two runs') as Uint8Array
  const indexBytes = new DataView(bytes.buffer, bytes.byteOffset + bytes.length - 24).getUint32(0, true)
  const body = bytes.subarray(0, bytes.length - 24)
  const frames = body.subarray(0, body.length - indexBytes)
  const index = body.subarray(body.length - indexBytes)
  const withIndex = (record: Uint8Array): Uint8Array => footed(concatBytes([frames, record]), { indexBytes: record.length })
  const edited = (edit: Edit): Uint8Array => withIndex(seal(edit(unseal(index)), { kind: KIND.segment }))
  // The records that are cut or lie about their length meet the footer's length first, or the same errors.
  const records = sealDamage('segment', index).map(([name, record, error]): [string, Uint8Array, string] => {
    return [`index: ${name}`, withIndex(record), error]
  })
  return [
    ['empty', new Uint8Array(0), 'corrupt SEGMENT_TRUNCATED'],
    ['shorter than its footer', bytes.slice(-23), 'corrupt SEGMENT_TRUNCATED'],
    ['its end is missing', bytes.slice(0, -1), 'corrupt SEGMENT_MAGIC'],
    ['its beginning is missing', bytes.slice(1), 'corrupt SEGMENT_TRUNCATED'],
    ['bytes before it', concatBytes([Uint8Array.of(0), bytes]), 'corrupt SEGMENT_TRUNCATED'],
    ['another magic', footed(body, { indexBytes, magic: 0x46535447 }), 'corrupt SEGMENT_MAGIC'],
    ['a damaged version', patched(bytes, bytes.length - 8, 2), 'corrupt SEGMENT_CHECKSUM'],
    ['a damaged length', patched(bytes, bytes.length - 20, 2), 'corrupt SEGMENT_CHECKSUM'],
    ['a newer version', footed(body, { indexBytes, version: 2 }), 'unsupported SEGMENT_VERSION'],
    ['version 0', footed(body, { indexBytes, version: 0 }), 'unsupported SEGMENT_VERSION'],
    ['an index as long as all of it', footed(body, { indexBytes: body.length + 24 }), 'corrupt SEGMENT_INDEX'],
    ['an index of 32 ones', footed(body, { indexBytes: 0xffffffff }), 'corrupt SEGMENT_INDEX'],
    ['an index that is said to be longer', footed(body, { indexBytes: indexBytes + 1 }), 'corrupt RECORD_MAGIC'],
    [
      'bytes between index and footer',
      footed(concatBytes([body, Uint8Array.of(0)]), { indexBytes: indexBytes + 1 }),
      'corrupt SEGMENT_INDEX',
    ],
    ['no index', footed(frames, { indexBytes: 0 }), 'corrupt RECORD_TRUNCATED'],
    ['frames are missing', footed(body.subarray(100), { indexBytes }), CONTENT],
    ...records,
    ...Object.entries(INDEX_EDITS).map(([name, edit]): [string, Uint8Array, string] => [`index: ${name}`, edited(edit), CONTENT]),
    ...Object.entries(REF_EDITS).map(([name, edit]): [string, Uint8Array, string] => {
      return [`index: ref: ${name}`, edited(within(2, within(3, edit))), CONTENT]
    }),
  ]
}

function refDamage(good: ReadonlyMap<string, Uint8Array>): [string, Uint8Array, string][] {
  const bytes = good.get('inline') as Uint8Array
  // Whether the frame table fits the pages cannot be told without the page size: `checkSegmentRef` does.
  const untold = ['no frame table', 'a frame too many', 'a thousand frames', 'frames past 2^32']
  const lengths = ['a frame of its header alone', 'a frame over the limit', 'a frame of 32 ones']
  return Object.entries(REF_EDITS)
    .filter(([name]) => !untold.includes(name) && !lengths.includes(name))
    .map(([name, edit]) => [name, edit(bytes), CONTENT])
}

function frameDamage(frame: GoldenCase): GoldenCase[] {
  const { bytes } = frame
  const wanted = frame.wanted as FrameWanted
  /** Changes a frame, and the ref along with it: the attacker wrote both. */
  function forged(change: (copy: Uint8Array, view: DataView) => void): { bytes: Uint8Array; wanted: FrameWanted } {
    const copy = bytes.slice()
    const view = new DataView(copy.buffer)
    change(copy, view)
    const checksum = checksumWithout(copy, 56)
    view.setBigUint64(56, checksum, true)
    return { bytes: copy, wanted: { ...wanted, checksum: checksum.toString(16) } }
  }
  const plain = (changed: Uint8Array): { bytes: Uint8Array; wanted: FrameWanted } => ({ bytes: changed, wanted })
  const cases: [string, { bytes: Uint8Array; wanted: FrameWanted }, string][] = [
    ['empty', plain(new Uint8Array(0)), 'corrupt FRAME_TRUNCATED'],
    ['cut within its header', plain(bytes.slice(0, 63)), 'corrupt FRAME_TRUNCATED'],
    ['cut behind its header', plain(bytes.slice(0, 64)), 'corrupt FRAME_TRUNCATED'],
    ['cut within its payload', plain(bytes.slice(0, -1)), 'corrupt FRAME_TRUNCATED'],
    ['a byte more', plain(concatBytes([bytes, Uint8Array.of(0)])), 'corrupt FRAME_TRUNCATED'],
    ['another magic', plain(patched(bytes, 3, 0x53)), 'corrupt FRAME_MAGIC'],
    ['a flipped bit in its payload', plain(patched(bytes, 64, (bytes[64] as number) ^ 1)), 'corrupt FRAME_CHECKSUM'],
    ['a flipped bit in its checksum', plain(patched(bytes, 56, (bytes[56] as number) ^ 1)), 'corrupt FRAME_CHECKSUM'],
    ['a damaged version', plain(patched(bytes, 4, 2)), 'corrupt FRAME_CHECKSUM'],
    ['another checksum in the ref', { bytes, wanted: { ...wanted, checksum: '1' } }, 'corrupt FRAME_CHECKSUM'],
    ['a newer version', forged((copy) => copy.fill(2, 4, 5)), 'unsupported FRAME_VERSION'],
    ['version 0', forged((copy) => copy.fill(0, 4, 5)), 'unsupported FRAME_VERSION'],
    ['deflate that is said to be zstd', forged((copy) => copy.fill(2, 5, 6)), 'corrupt FRAME_CONTENT'],
    ['an unknown codec', forged((copy) => copy.fill(255, 5, 6)), 'unsupported FRAME_CODEC'],
    ['deflate that is said to be raw', forged((copy) => copy.fill(0, 5, 6)), 'corrupt FRAME_LENGTH'],
    ['another page count', forged((_, view) => view.setUint16(6, 4, true)), 'corrupt FRAME_PAGES'],
    ['another first page', forged((_, view) => view.setUint32(8, 2, true)), 'corrupt FRAME_PAGES'],
    ['another last page', forged((_, view) => view.setUint32(12, 0xffffffff, true)), 'corrupt FRAME_PAGES'],
    ['another raw length', forged((_, view) => view.setUint32(16, 0xffffffff, true)), 'corrupt FRAME_LENGTH'],
    ['a payload length of 32 ones', forged((_, view) => view.setUint32(20, 0xffffffff, true)), 'corrupt FRAME_TRUNCATED'],
    ['another volume', forged((copy) => copy.set(idBytes(0x80, 2), 24)), 'corrupt FRAME_FOREIGN'],
    ['another segment', forged((copy) => copy.set(idBytes(0xa0, 1), 40)), 'corrupt FRAME_FOREIGN'],
    ['asked of another volume', { bytes, wanted: { ...wanted, volumeId: volumeB } }, 'corrupt FRAME_FOREIGN'],
    ['asked of another segment', { bytes, wanted: { ...wanted, ownerId: segmentA } }, 'corrupt FRAME_FOREIGN'],
    ['asked with another page size', { bytes, wanted: { ...wanted, pageSize: 1024 } }, 'corrupt FRAME_LENGTH'],
    ['a payload of ones', forged((copy) => copy.fill(255, 64)), 'corrupt FRAME_CONTENT'],
    ['a payload that expands to less', forged((copy) => copy.set(SHORT_DEFLATE, 64)), 'corrupt FRAME_CONTENT'],
  ]
  return cases.map(([name, { bytes: damaged, wanted: asked }, says]) => {
    return { name, reader: 'frame', bytes: damaged, says, wanted: asked }
  })
}

// The last block, stored, with no byte in it.
const SHORT_DEFLATE = [1, 0, 0, 255, 255]

/** Files that every reader of this version refuses, and with what. */
export function damagedCases(good: readonly GoldenCase[]): GoldenCase[] {
  const bytesOf = (reader: Reader) =>
    new Map(good.filter((each) => each.reader === reader).map(({ name, bytes }) => [name, bytes]))
  const damage: [Reader, [string, Uint8Array, string][]][] = [
    ['commit', commitDamage(bytesOf('commit'))],
    ['head', headDamage(bytesOf('head'))],
    ['segment', segmentDamage(bytesOf('segment'))],
    ['ref', refDamage(bytesOf('ref'))],
  ]
  const cases = damage.flatMap(([reader, list]) => list.map(([name, bytes, says]): GoldenCase => ({ name, reader, bytes, says })))
  const frame = good.find(({ reader, name }) => reader === 'frame' && name === 'deflate') as GoldenCase
  return [...cases, ...frameDamage(frame)]
}
