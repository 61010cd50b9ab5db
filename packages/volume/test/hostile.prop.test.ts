import { Splinter } from '@graft-ts/splinter'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concatBytes, decodeCommit, decodeFrame, encodeCommit, parsePageSize } from '../src/index.ts'
import { checksumWithout, fieldsOf, footed, payloadOf, seal, unseal, type WireField } from './forge.ts'
import { fixedCodec } from './golden/fixed-codec.ts'
import { commitA, idBytes, plainCommit, read, segmentA, volumeA } from './golden/golden-case.ts'
import { goodCases } from './golden/good.ts'
import { outcomeOf } from './outcome.ts'

/*
 * Damage that checksums do not give away: messages whose fields were changed, and sealed again. What the readers make of
 * it must be a value that keeps the rules of docs/format, or a typed error.
 */

const good = await goodCases()
/** At least so many runs: each is quick, and there is much to change. */
const runs = (least: number): number => Math.max(least, Number(process.env['FAST_CHECK_RUNS'] ?? 0))
const payloadsOf = (reader: string): Uint8Array[] =>
  good.filter((each) => each.reader === reader).map(({ bytes }) => (reader === 'segment' ? indexOf(bytes) : unseal(bytes)))

function indexOf(segment: Uint8Array): Uint8Array {
  const end = segment.length - 24
  const indexBytes = new DataView(segment.buffer, segment.byteOffset + end).getUint32(0, true)
  return unseal(segment.slice(end - indexBytes, end))
}

const numbers = fc.oneof(
  fc.constantFrom(
    0n,
    1n,
    2n,
    512n,
    4096n,
    2n ** 16n,
    2n ** 31n,
    2n ** 32n - 1n,
    2n ** 32n,
    2n ** 53n - 1n,
    2n ** 53n,
    2n ** 64n - 1n,
  ),
  fc.bigInt({ min: 0n, max: 200n }),
)
const sets = fc
  .array(fc.oneof(fc.nat(100), fc.constant(2 ** 32 - 1)), { maxLength: 6 })
  .map((pages) => Splinter.from(pages).toBytes())
const ids = fc.tuple(fc.constantFrom(0x80, 0xa0, 0xc0, 0xe0), fc.nat(3)).map(([prefix, number]) => idBytes(prefix, number))
const bytes = fc.oneof(sets, ids, fc.uint8Array({ maxLength: 40 }))
const values = fc.oneof(
  numbers,
  bytes,
  numbers.map((fixed64) => ({ fixed64 })),
)

/** A change of one field of a message, or of one of a message inside it. */
type Change = { readonly at: number; readonly deeper: number | undefined } & (
  | { readonly type: 'drop' | 'repeat' | 'swap' }
  | { readonly type: 'set'; readonly value: WireField['value'] }
  | { readonly type: 'renumber'; readonly number: number }
  | { readonly type: 'cut'; readonly where: number }
  | { readonly type: 'flip'; readonly where: number }
)

const changes: fc.Arbitrary<Change> = fc
  .tuple(
    fc.nat(60),
    fc.option(fc.nat(60), { nil: undefined }),
    fc.oneof(
      fc.record({ type: fc.constantFrom('drop' as const, 'repeat' as const, 'swap' as const) }),
      fc.record({ type: fc.constant('set' as const), value: values }),
      fc.record({ type: fc.constant('renumber' as const), number: fc.integer({ min: 1, max: 20 }) }),
      fc.record({ type: fc.constant('cut' as const), where: fc.nat(300) }),
      fc.record({ type: fc.constant('flip' as const), where: fc.nat(300) }),
    ),
  )
  .map(([at, deeper, change]) => ({ at, deeper, ...change }))

// Numbers of the fields that hold messages: of a commit, of an index, of a run.
const MESSAGES: Readonly<Record<string, ReadonlySet<number>>> = {
  commit: new Set([12, 13]),
  segment: new Set([2]),
  run: new Set([3]),
}

function changed(payload: Uint8Array, change: Change, kind: string): Uint8Array {
  const fields = fieldsOf(payload)
  if (fields.length === 0) return payload
  const i = change.at % fields.length
  const field = fields[i] as WireField
  if (change.deeper !== undefined && MESSAGES[kind]?.has(field.number) && field.value instanceof Uint8Array) {
    const inner = { ...change, at: change.deeper, deeper: kind === 'segment' ? change.at : undefined }
    fields[i] = { ...field, value: changed(field.value, inner, kind === 'segment' ? 'run' : 'ref') }
    return payloadOf(fields)
  }
  if (change.type === 'cut' || change.type === 'flip') {
    const all = payloadOf(fields)
    const where = change.where % all.length
    if (change.type === 'cut') return all.subarray(0, where)
    all[where] = (all[where] as number) ^ (1 << (change.at & 7))
    return all
  }
  if (change.type === 'drop') fields.splice(i, 1)
  else if (change.type === 'repeat') fields.push(field)
  else if (change.type === 'swap') fields.reverse()
  else if (change.type === 'set') fields[i] = { ...field, value: change.value }
  else if (change.type === 'renumber') fields[i] = { ...field, number: change.number }
  return payloadOf(fields)
}

/** Messages of a kind after some changes. */
function messages(reader: string): fc.Arbitrary<Uint8Array> {
  const payloads = payloadsOf(reader)
  return fc.tuple(fc.nat(payloads.length - 1), fc.array(changes, { minLength: 1, maxLength: 3 })).map(([which, list]) => {
    let payload = payloads[which] as Uint8Array
    for (const change of list) {
      try {
        payload = changed(payload, change, reader)
      } catch {
        // An earlier change left no fields that could be told apart.
        break
      }
    }
    return payload
  })
}

describe('I11: messages that were changed and sealed again are values that keep the rules, or typed errors', () => {
  test('commits', async () => {
    const outcomes = new Map<string, number>()
    await fc.assert(
      fc.asyncProperty(messages('commit'), async (payload) => {
        const sealed = seal(payload, { kind: 1 })
        const outcome = await outcomeOf(read({ reader: 'commit', bytes: sealed }))
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
        expect(outcome).toMatch(/^(ok|corrupt RECORD_CONTENT)$/)
        if (outcome === 'ok') checkRules(sealed)
      }),
      { numRuns: runs(2000) },
    )
    // Neither is rare, or the property shows little.
    expect(Math.min(...['ok', 'corrupt RECORD_CONTENT'].map((outcome) => outcomes.get(outcome) ?? 0))).toBeGreaterThan(100)
  })

  test('segment indexes, behind frames of any length', async () => {
    const lengths = good
      .filter(({ reader }) => reader === 'segment')
      .map(({ bytes: segment }) => segment.length - indexOf(segment).length - 48)
    await fc.assert(
      fc.asyncProperty(messages('segment'), fc.oneof(fc.constantFrom(...lengths), fc.nat(3000)), async (payload, framesBytes) => {
        const index = seal(payload, { kind: 4 })
        const segment = footed(concatBytes([new Uint8Array(framesBytes), index]), { indexBytes: index.length })
        expect(await outcomeOf(read({ reader: 'segment', bytes: segment }))).toMatch(/^(ok|corrupt RECORD_CONTENT)$/)
      }),
      { numRuns: runs(1000) },
    )
  })

  test('refs', async () => {
    const refs = messages('commit').map((payload) => {
      const found = safeFields(payload).find(({ number, value }) => number === 12 && value instanceof Uint8Array)
      return (found?.value as Uint8Array | undefined) ?? payload
    })
    await fc.assert(
      fc.asyncProperty(refs, async (payload) => {
        expect(await outcomeOf(read({ reader: 'ref', bytes: payload }))).toMatch(/^(ok|corrupt RECORD_CONTENT)$/)
      }),
      { numRuns: runs(1000) },
    )
  })

  test('head hints', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 12 }), async (payload) => {
        const outcome = await outcomeOf(read({ reader: 'head', bytes: seal(payload, { kind: 3 }) }))
        const isLsn = payload.length === 8 && payload[7] === 0 && (payload[6] as number) < 32
        expect(outcome).toBe(isLsn ? 'ok' : 'corrupt RECORD_CONTENT')
      }),
      { numRuns: runs(1000) },
    )
  })

  test('frames, header and payload', async () => {
    const frames = good.filter(({ reader, wanted }) => reader === 'frame' && wanted?.volumeId === volumeA)
    const edits = fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 4 })
    const cuts = fc.oneof(fc.constant(0), fc.nat(200))
    await fc.assert(
      fc.asyncProperty(fc.nat(frames.length - 1), edits, cuts, fc.boolean(), async (which, list, cut, tellsLength) => {
        const { bytes: frame, wanted } = frames[which] as (typeof frames)[0]
        const forged = frame.slice(0, Math.max(64, frame.length - cut))
        for (const [at, byte] of list) forged[at % forged.length] = byte
        const view = new DataView(forged.buffer)
        if (tellsLength) view.setUint32(20, forged.length - 64, true)
        const checksum = checksumWithout(forged, 56)
        view.setBigUint64(56, checksum, true)
        const { first, last, count } = wanted as NonNullable<typeof wanted>
        const ownerId = wanted?.ownerId === commitA ? commitA : (wanted?.ownerId ?? segmentA)
        const pageSize = parsePageSize(512)
        const decoding = decodeFrame(forged, { volumeId: volumeA, ownerId, pageSize, first, last, count, checksum }, fixedCodec)
        const outcome = await outcomeOf(decoding)
        expect(outcome).toMatch(/^(ok|(corrupt|unsupported) FRAME_)/)
        if (outcome === 'ok') expect(await decoding).toHaveLength(count * 512)
      }),
      { numRuns: runs(1000) },
    )
  })
})

function safeFields(payload: Uint8Array): WireField[] {
  try {
    return fieldsOf(payload)
  } catch {
    return []
  }
}

/** What docs/format promises of a commit that a reader accepted. */
function checkRules(sealed: Uint8Array): void {
  const { record } = decodeCommit(sealed)
  const { lsn, pageCount, pageSize, own, layers, refs, inline } = record
  let floor = record.floor ?? pageCount
  expect(floor).toBeLessThanOrEqual(pageCount)
  expect(own.last() ?? 0).toBeLessThanOrEqual(pageCount)
  expect(own.has(0)).toBe(false)
  expect(record.previousHash).toHaveLength(lsn === 1 ? 0 : 32)
  expect(record.checkpointLsn).toBeLessThan(lsn)
  expect(2 ** layers.length <= lsn && lsn % 2 ** layers.length === 0).toBe(true)
  for (const [i, layer] of layers.entries()) {
    expect(layer.pages.last() ?? 0).toBeLessThanOrEqual(floor)
    expect(layer.packedOffsets).toHaveLength(Math.ceil((layer.pages.size * i) / 8))
    expect(layer.floor ?? pageCount).toBeLessThanOrEqual(floor)
    if (record.floor !== undefined) expect(layer.floor).toBeDefined()
    floor = layer.floor ?? pageCount
  }
  for (const ref of refs) {
    expect(ref.frames.lengths).toHaveLength(Math.ceil(ref.pages.size / Math.max(1, Math.min(64, 2 ** 18 / pageSize))))
    const end = ref.frames.lengths.reduce((sum, length) => sum + length, ref.offset)
    expect(end).toBeLessThanOrEqual(ref.segmentId === undefined ? (inline?.byteLength ?? 0) : 2 ** 32 - 1)
  }
  expect(plainCommit(decodeCommit(encodeCommit(record)).record)).toEqual(plainCommit(record))
}
