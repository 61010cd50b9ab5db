import { Splinter } from '@graft-ts/splinter'
import { RECORD_PAYLOAD_BYTES_MAX } from '../src/index.ts'
import { footed, payloadOf, seal, type WireField, withField } from './forge.ts'
import { idBytes, type Reader } from './golden/golden-case.ts'

/*
 * How much memory bytes can make a reader take. Each payload is as long as one may be, and claims as much as it can; it is
 * decoded in a thread that dies if it holds more than a small multiple of that at any time.
 */

const PAYLOAD_BYTES = RECORD_PAYLOAD_BYTES_MAX
/** What each may take: so many times its bytes. */
export const MULTIPLE_MAX = 24

const onePage = Splinter.from([1]).toBytes()
const ref = payloadOf([
  { number: 1, value: idBytes(0xa0, 1) },
  { number: 2, value: onePage },
  { number: 4, value: Uint8Array.of(65) },
  { number: 5, value: new Uint8Array(8) },
])
const run = payloadOf([
  { number: 1, value: idBytes(0x80, 1) },
  { number: 2, value: 512n },
  { number: 3, value: ref },
])
const commit: WireField[] = [
  { number: 1, value: idBytes(0x80, 1) },
  { number: 2, value: 2n },
  { number: 3, value: idBytes(0xe0, 1) },
  { number: 4, value: idBytes(0xc0, 1) },
  { number: 5, value: 1n },
  { number: 7, value: 512n },
  { number: 9, value: new Uint8Array(32) },
  { number: 11, value: onePage },
]

/** A payload that begins with fields and is filled up with one, again and again. */
function filled(fields: readonly WireField[], field: WireField): Uint8Array {
  const begin = payloadOf(fields)
  const unit = payloadOf([field])
  const times = Math.floor((PAYLOAD_BYTES - begin.length) / unit.length)
  const bytes = new Uint8Array(begin.length + times * unit.length)
  bytes.set(begin)
  for (let i = 0; i < times; i++) bytes.set(unit, begin.length + i * unit.length)
  return bytes
}

const empty = new Uint8Array(0)
const room = PAYLOAD_BYTES - 1000
const refWith = (number: number, value: Uint8Array): Uint8Array =>
  payloadOf([...commit, { number: 12, value: withField(number, value)(ref) }])
const halves = withField(4, new Uint8Array(room / 10).fill(65))(withField(5, new Uint8Array((room / 10) * 8))(ref))

const COMMITS: Readonly<Record<string, () => Uint8Array>> = {
  'refs of no byte': () => filled(commit, { number: 12, value: empty }),
  'refs of zeros': () => filled(commit, { number: 12, value: new Uint8Array(34) }),
  'refs of one field': () => filled(commit, { number: 12, value: payloadOf([{ number: 1, value: new Uint8Array(32) }]) }),
  'refs of which each is right': () => filled(commit, { number: 12, value: ref }),
  'layers of no byte': () => filled(commit, { number: 13, value: empty }),
  'layers of an empty set': () =>
    filled(commit, { number: 13, value: payloadOf([{ number: 1, value: new Splinter().toBytes() }]) }),
  'unknown numbers': () => filled(commit, { number: 20, value: 1n }),
  'unknown bytes': () => filled(commit, { number: 20, value: empty }),
  'own sets': () => filled(commit, { number: 11, value: empty }),
  'frame lengths': () => refWith(4, new Uint8Array(room).fill(65)),
  'frame checksums': () => refWith(5, new Uint8Array(room - (room % 8))),
  'frame lengths and checksums, for a single page': () => payloadOf([...commit, { number: 12, value: halves }]),
  'an own set of nothing': () => payloadOf([...commit, { number: 11, value: new Uint8Array(room) }]),
}

const id: WireField = { number: 1, value: idBytes(0xa0, 1) }
const INDEXES: Readonly<Record<string, () => Uint8Array>> = {
  'runs of no byte': () => filled([id], { number: 2, value: empty }),
  'runs of zeros': () => filled([id], { number: 2, value: new Uint8Array(34) }),
  'runs of refs of no byte': () =>
    filled([id], { number: 2, value: payloadOf(Array.from({ length: 20 }, () => ({ number: 3, value: empty }))) }),
  'runs of which each is right': () => filled([id], { number: 2, value: run }),
  segments: () => filled([id], { number: 1, value: empty }),
}

function segmentOf(payload: Uint8Array): Uint8Array {
  const index = seal(payload, { kind: 4 })
  return footed(index, { indexBytes: index.length })
}

/** A file that claims much, made when it is asked for. */
export interface HostileFile {
  readonly name: string
  readonly reader: Reader
  readonly bytes: () => Uint8Array
}

export const HOSTILE_FILES: readonly HostileFile[] = [
  ...Object.entries(COMMITS).map(([name, payload]): HostileFile => {
    return { name: `commit: ${name}`, reader: 'commit', bytes: () => seal(payload(), { kind: 1 }) }
  }),
  ...Object.entries(INDEXES).map(([name, payload]): HostileFile => {
    return { name: `segment: ${name}`, reader: 'segment', bytes: () => segmentOf(payload()) }
  }),
]
