import { createClient } from '@connectrpc/connect'
import {
  type CommitRequest,
  hmacRefSigner,
  httpTransport,
  META_LIMITS_DEFAULT,
  MetaService,
  type SignedSegmentRef,
} from '@graft-ts/protocol'
import { Splinter } from '@graft-ts/splinter'
import { idToBytes } from '@graft-ts/volume'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  commitId,
  commitMany,
  commitOf,
  firstOf,
  type Harness,
  newVolume,
  openHarness,
  PAGE_SIZE,
  refOf,
  START_MS,
} from './harness.ts'
import { parameters } from './model.ts'

const keys = [{ id: 'k', secret: new Uint8Array(32).fill(1) }]
const refs = hmacRefSigner({ keys, nowMs: () => START_MS })
const sorted = (pages: readonly number[]) => [...new Set(pages)].sort((a, b) => a - b)
const set = (...pages: number[]) => Splinter.from(pages).toBytes()

/** Three commits of up to 50 pages; whatever is sent next builds on them. */
async function open(options: Parameters<typeof openHarness>[0] = {}) {
  const harness = openHarness(options)
  const volumeId = newVolume()
  await commitMany(harness, volumeId, 3)
  return { harness, volumeId, base: commitOf(volumeId, 3, { pages: [1, 2], pageCount: 50 }) }
}

/** The volume is as it was, for a process that reads everything anew, and goes on. */
async function expectUnharmed(harness: Harness, volumeId: ReturnType<typeof newVolume>, lsn = 3): Promise<void> {
  const fresh = harness.other()
  expect((await fresh.pull(volumeId, 0)).snapshot.lsn).toBe(lsn)
  expect(await fresh.commit(commitOf(volumeId, lsn, { pageCount: 50 }))).toMatchObject({
    type: 'committed',
    snapshot: { lsn: lsn + 1 },
  })
}

describe('I11: a commit that is not what it should be is refused, and nothing is lost', () => {
  const many = Splinter.fromRange(1, META_LIMITS_DEFAULT.pagesMax + 1).toBytes()
  const inline = (pages: Uint8Array, bytes: number) => ({
    $typeName: 'graft.v1.InlinePages' as const,
    pages,
    data: new Uint8Array(bytes),
  })

  test.each<[string, Partial<CommitRequest>, string, string]>([
    ['no volume', { volumeId: new Uint8Array(0) }, 'invalid', 'MESSAGE_INVALID'],
    ['no commit id', { commitId: new Uint8Array(0) }, 'invalid', 'MESSAGE_INVALID'],
    ['a client id of 17 bytes', { clientId: new Uint8Array(17) }, 'invalid', 'MESSAGE_INVALID'],
    ['a base beyond 2^53', { baseLsn: 2n ** 64n - 1n }, 'invalid', 'MESSAGE_INVALID'],
    ['the last base that can be written', { baseLsn: 2n ** 53n - 1n }, 'invalid', 'LSN_RANGE'],
    ['random bytes as a set', { own: Uint8Array.of(7, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14) }, 'invalid', 'SET_INVALID'],
    ['page 0', { own: set(0, 1) }, 'invalid', 'SET_PAGE_ZERO'],
    ['page 0 inline', { inline: inline(set(0, 1), 1024) }, 'invalid', 'SET_PAGE_ZERO'],
    ['more pages than are taken', { own: many }, 'exhausted', 'SET_TOO_LARGE'],
    ['a page size that is none', { pageSize: 1000 }, 'invalid', 'MESSAGE_INVALID'],
    ['a page size that is not the volume’s', { pageSize: 1024, inline: inline(set(1, 2), 2048) }, 'invalid', 'COMMIT_PAGE_SIZE'],
    ['a page of the wrong length', { inline: inline(set(1, 2), 1023) }, 'invalid', 'DATA_LENGTH'],
    [
      'inline pages over the limit',
      { inline: inline(Splinter.fromRange(1, 65).toBytes(), 65 * 512) },
      'exhausted',
      'INLINE_TOO_LARGE',
    ],
    ['a floor above the page count', { floor: 51 }, 'invalid', 'COMMIT_FLOOR'],
    ['shrinking without a floor', { pageCount: 49 }, 'invalid', 'COMMIT_FLOOR'],
    ['a page above the page count', { own: set(1, 51), inline: inline(set(1, 51), 1024) }, 'invalid', 'COMMIT_PAGE_BEYOND_END'],
    ['a page without content', { own: set(1, 2, 3) }, 'invalid', 'COMMIT_PAGE_WITHOUT_CONTENT'],
  ])('%s', async (_, fields, kind, code) => {
    const { harness, volumeId, base } = await open()
    await expect(harness.client.commit({ ...base, ...fields })).rejects.toMatchObject({ kind, code })
    await expectUnharmed(harness, volumeId)
  })

  test('32 KiB inline are taken, one page more is not', async () => {
    const { harness, volumeId } = await open()
    const pages = Array.from({ length: 64 }, (_, i) => i + 1)
    expect(await harness.commit(commitOf(volumeId, 3, { pages }))).toMatchObject({ type: 'committed' })
    await expect(harness.commit(commitOf(volumeId, 4, { pages: [...pages, 65] }))).rejects.toMatchObject({
      code: 'INLINE_TOO_LARGE',
    })
  })
})

describe('I11: refs are believed only from this volume’s page store, for this principal, in time', () => {
  const alice = { authorize: async () => ({ id: 'alice' }), refs }
  const commitWith = async (signed: (volumeId: ReturnType<typeof newVolume>) => Promise<SignedSegmentRef>) => {
    const { harness, volumeId } = await open(alice)
    const request = commitOf(volumeId, 3, { pages: [], own: [4], pageCount: 50, refs: [await signed(volumeId)] })
    return { harness, volumeId, request }
  }

  test('one that is', async () => {
    const { harness, request } = await commitWith((volumeId) => refs.sign(refOf([4]), { volumeId, principal: 'alice' }))
    expect(await harness.commit(request)).toMatchObject({ type: 'committed', snapshot: { lsn: 4 } })
  })

  test.each<[string, (volumeId: ReturnType<typeof newVolume>) => Promise<SignedSegmentRef>]>([
    [
      'unsigned',
      async () => ({
        $typeName: 'graft.v1.SignedSegmentRef',
        ref: refOf([4]),
        issuedAtMs: 0n,
        keyId: '',
        signature: new Uint8Array(0),
      }),
    ],
    ['forged', async (volumeId) => ({ ...(await refs.sign(refOf([4]), { volumeId, principal: 'alice' })), ref: refOf([4, 5]) })],
    ['of another volume', () => refs.sign(refOf([4]), { volumeId: newVolume(), principal: 'alice' })],
    ['of another principal', (volumeId) => refs.sign(refOf([4]), { volumeId, principal: 'bob' })],
    [
      'signed with a foreign key',
      (volumeId) =>
        hmacRefSigner({ keys: [{ id: 'k', secret: new Uint8Array(32).fill(2) }], nowMs: () => START_MS }).sign(refOf([4]), {
          volumeId,
          principal: 'alice',
        }),
    ],
    [
      'expired',
      (volumeId) => hmacRefSigner({ keys, nowMs: () => START_MS - 3_600_001 }).sign(refOf([4]), { volumeId, principal: 'alice' }),
    ],
  ])('one that is %s', async (_, signed) => {
    const { harness, volumeId, request } = await commitWith(signed)
    await expect(harness.commit(request)).rejects.toMatchObject({ kind: 'missing', code: 'REFS_EXPIRED' })
    await expectUnharmed(harness, volumeId)
  })

  test('one from the future', async () => {
    const early = hmacRefSigner({ keys, nowMs: () => START_MS + 300_001 })
    const { harness, volumeId, request } = await commitWith((id) => early.sign(refOf([4]), { volumeId: id, principal: 'alice' }))
    await expect(harness.commit(request)).rejects.toMatchObject({ kind: 'denied', code: 'REFS_FORGED' })
    await expectUnharmed(harness, volumeId)
  })

  test('one bad ref among good ones', async () => {
    const { harness, volumeId } = await open(alice)
    const good = await refs.sign(refOf([4]), { volumeId, principal: 'alice' })
    const bad = await refs.sign(refOf([5]), { volumeId, principal: 'bob' })
    const request = commitOf(volumeId, 3, { pages: [], own: [4, 5], pageCount: 50, refs: [good, bad, good] })
    await expect(harness.commit(request)).rejects.toMatchObject({ code: 'REFS_EXPIRED' })
    await expectUnharmed(harness, volumeId)
  })

  test('as many as are taken, and one more', async () => {
    const limits = { refsMax: 2 }
    const { harness, volumeId } = await open({ ...alice, limits })
    const signed = await refs.sign(refOf([4]), { volumeId, principal: 'alice' })
    const request = (count: number) =>
      commitOf(volumeId, 3, { pages: [], own: [4], pageCount: 50, refs: Array.from({ length: count }, () => signed) })
    await expect(harness.commit(request(3))).rejects.toMatchObject({ kind: 'exhausted', code: 'REFS_TOO_MANY' })
    expect(await harness.commit(request(2))).toMatchObject({ type: 'committed' })
  })

  test.each([
    ['bytes that are no ref', () => Uint8Array.of(255, 1, 2), 'MESSAGE_INVALID'],
    ['a ref without pages', () => refOf([]), 'MESSAGE_INVALID'],
    ['a ref with page 0', () => refOf([0, 4]), 'MESSAGE_INVALID'],
    ['a ref that says "in this commit"', () => refOf([4], { segmentId: undefined }), 'MESSAGE_INVALID'],
    [
      'more frames than pages',
      () => refOf([4], { frames: { lengths: Uint32Array.of(99, 99), checksums: BigUint64Array.of(1n, 1n) } }),
      'SEGMENT_REF',
    ],
    [
      'a frame of no length',
      () => refOf([4], { frames: { lengths: Uint32Array.of(0), checksums: BigUint64Array.of(1n) } }),
      'SEGMENT_REF',
    ],
    ['frames past 4 GiB', () => refOf([4], { offset: 0xffffffff }), 'SEGMENT_REF'],
  ])('%s, where nobody signs', async (_, ref, code) => {
    const { harness, volumeId } = await open()
    const signed = {
      $typeName: 'graft.v1.SignedSegmentRef' as const,
      ref: ref(),
      issuedAtMs: BigInt(START_MS),
      keyId: '',
      signature: new Uint8Array(0),
    }
    const request = commitOf(volumeId, 3, { pages: [], own: [4], pageCount: 50, refs: [signed] })
    await expect(harness.commit(request)).rejects.toMatchObject({ kind: 'invalid', code })
    await expectUnharmed(harness, volumeId)
  })
})

describe('I11: other requests', () => {
  test.each([
    ['pull of no volume', 'pull', { volumeId: Uint8Array.of(1) }],
    ['pull of a commit id', 'pull', { volumeId: new Uint8Array(16).fill(0xe0) }],
    ['pull since beyond 2^53', 'pull', { since: 2n ** 53n }],
    ['pull at least beyond 2^53', 'pull', { atLeast: 2n ** 64n - 1n }],
    ['snapshot beyond 2^53', 'getSnapshot', { lsn: 2n ** 53n }],
    ['snapshot of no volume', 'getSnapshot', { volumeId: new Uint8Array(0) }],
  ] as const)('%s', async (_, method, fields) => {
    const { harness, volumeId } = await open()
    const request = { volumeId: idToBytes(volumeId), ...fields }
    await expect(harness.client[method](request)).rejects.toMatchObject({ kind: 'invalid', code: 'MESSAGE_INVALID' })
  })

  test.each([
    ['from beyond 2^53', { from: 2n ** 53n }],
    ['to beyond 2^53', { from: 1n, to: 2n ** 63n }],
    ['of no volume', { volumeId: Uint8Array.of(1), from: 1n }],
  ])('history %s', async (_, fields) => {
    const { harness, volumeId } = await open()
    const stream = harness.client.history({ volumeId: idToBytes(volumeId), ...fields })
    await expect(firstOf(stream)).rejects.toMatchObject({ kind: 'invalid', code: 'MESSAGE_INVALID' })
  })

  test('a body over the limit is refused by the handler', async () => {
    const { harness, base, volumeId } = await open({ limits: { requestBytesMax: 40_000 } })
    const client = overHttp((request) => harness.metastore.handler(request))
    const tooLarge = { ...base, own: new Uint8Array(40_000) }
    await expect(client.commit(tooLarge)).rejects.toMatchObject({ kind: 'exhausted', code: 'MESSAGE_TOO_LARGE' })
    expect(harness.metastore.metrics().commits).toBe(3)
    await client.commit(base)
    expect((await harness.pull(volumeId, 3)).snapshot.lsn).toBe(4)
  })
})

describe('I11: whatever bytes arrive', () => {
  const bytesFields = ['volumeId', 'commitId', 'clientId', 'own'] as const
  const numbers = fc.oneof(fc.nat(60), fc.integer({ min: 0, max: 0xffffffff }))
  const anything = {
    baseLsn: fc.bigInt({ min: 0n, max: 5n }),
    pageSize: fc.constantFrom(0, 1, 511, 512, 1024, 65536, 0xffffffff),
    pageCount: numbers,
    floor: numbers,
    ownPages: fc.array(numbers, { maxLength: 4 }),
    inlinePages: fc.array(numbers, { maxLength: 4 }),
    dataBytes: fc.constantFrom(0, 1, PAGE_SIZE, 2 * PAGE_SIZE, 3 * PAGE_SIZE),
    refPages: fc.array(fc.array(numbers, { maxLength: 3 }), { maxLength: 2 }),
    junk: fc.tuple(fc.constantFrom(...bytesFields), fc.uint8Array({ maxLength: 40 })),
  }
  const names = Object.keys(anything) as (keyof typeof anything)[]
  // A few fields at a time, or nearly everything would be refused for its first fault.
  const edits: fc.Arbitrary<Edit> = fc
    .tuple(fc.record(anything), fc.subarray(names, { maxLength: 3 }))
    .map(([values, chosen]) => Object.fromEntries(chosen.map((name) => [name, values[name]])))

  function edit(base: CommitRequest, how: Edit): CommitRequest {
    const { ownPages, inlinePages, dataBytes, refPages, junk, ...fields } = how
    const pages = inlinePages === undefined ? base.inline?.pages : Splinter.from(sorted(inlinePages)).toBytes()
    const data = dataBytes === undefined ? base.inline?.data : new Uint8Array(dataBytes)
    return {
      ...base,
      ...fields,
      ...(ownPages !== undefined && { own: Splinter.from(sorted(ownPages)).toBytes() }),
      inline: { $typeName: 'graft.v1.InlinePages', pages: pages ?? new Uint8Array(0), data: data ?? new Uint8Array(0) },
      refs: (refPages ?? []).map((ref) => ({
        $typeName: 'graft.v1.SignedSegmentRef',
        ref: refOf(sorted(ref)),
        issuedAtMs: BigInt(START_MS),
        keyId: '',
        signature: new Uint8Array(0),
      })),
      ...(junk !== undefined && { [junk[0]]: junk[1] }),
    }
  }

  test('a commit is committed, answered with a conflict, or refused; what is stored can always be read and built upon', async () => {
    const seen = new Set<string>()
    await fc.assert(
      fc.asyncProperty(fc.array(edits, { minLength: 1, maxLength: 4 }), async (sent) => {
        const { harness, volumeId, base } = await open()
        let lsn = 3
        for (const how of sent) {
          const outcome = await harness
            .commit(edit({ ...base, baseLsn: BigInt(lsn), commitId: idToBytes(commitId()) }, how))
            .catch((error: { kind: string; code: string }) => ({ type: error.kind, code: error.code }))
          seen.add(outcome.type)
          expect(['committed', 'conflict', 'invalid', 'missing', 'exhausted']).toContain(outcome.type)
          if (outcome.type === 'committed') lsn = (await harness.other().pull(volumeId, 0)).snapshot.lsn
        }
        const fresh = harness.other()
        const { snapshot } = await fresh.pull(volumeId, 0)
        expect(snapshot.lsn).toBe(lsn)
        const next = commitOf(volumeId, lsn, { pages: [], own: [], pageCount: snapshot.pageCount })
        expect(await fresh.commit(next)).toMatchObject({ type: 'committed' })
      }),
      parameters(100),
    )
    expect([...seen]).toEqual(expect.arrayContaining(['committed', 'invalid', 'conflict']))
  })

  test('raw bytes never make the handler fail', async () => {
    const { harness, volumeId, base } = await open()
    const valid = await bytesOf(base)
    await fc.assert(
      fc.asyncProperty(
        fc.nat(),
        fc.uint8Array({ maxLength: 30 }),
        fc.constantFrom('Commit', 'Pull', 'GetSnapshot'),
        async (at, junk, method) => {
          const body = Uint8Array.from(valid)
          body.set(junk, at % (body.length - junk.length))
          const response = await harness.metastore.handler(
            new Request(`http://graft.test/graft.v1.MetaService/${method}`, {
              method: 'POST',
              headers: { 'content-type': 'application/proto' },
              body,
            }),
          )
          expect([200, 400, 404, 429]).toContain(response.status)
          await response.arrayBuffer()
        },
      ),
      parameters(),
    )
    const { snapshot } = await harness.other().pull(volumeId, 0)
    expect(snapshot.lsn).toBeGreaterThanOrEqual(3)
  })
})

const overHttp = (handler: (request: Request) => Promise<Response>) =>
  createClient(
    MetaService,
    httpTransport({ baseUrl: 'http://graft.test', fetch: (input, init) => handler(new Request(input, init)) }).meta,
  )

/** The body of a commit as it goes over the wire. */
async function bytesOf(request: CommitRequest): Promise<Uint8Array> {
  let body = new Uint8Array(0)
  const client = overHttp(async (sent) => {
    body = new Uint8Array(await sent.arrayBuffer())
    return new Response(null, { status: 404 })
  })
  await expect(client.commit(request)).rejects.toMatchObject({ code: 'METHOD_UNKNOWN' })
  return body
}

/** What is put in place of what a commit should hold. */
interface Edit {
  readonly baseLsn?: bigint
  readonly pageSize?: number
  readonly pageCount?: number
  readonly floor?: number
  readonly ownPages?: number[]
  readonly inlinePages?: number[]
  readonly dataBytes?: number
  readonly refPages?: number[][]
  readonly junk?: [string, Uint8Array]
}
