import { createHmac } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { ageOnlyRefSigner, hmacRefSigner, type RefSigner, type SignedSegmentRef } from '../src/index.ts'
import { volumeId } from './samples.ts'

const HOUR_MS = 3_600_000
const START_MS = 1_700_000_000_000
const OLD = { id: 'old', secret: new Uint8Array(32).fill(1) }
const NEW = { id: 'new', secret: new Uint8Array(32).fill(2) }
const REF = Uint8Array.of(1, 2, 3, 4)
const SCOPE = { volumeId: volumeId(1), principal: 'alice' }

let nowMs = START_MS
const clock = () => nowMs
const at = async (timeMs: number, run: () => Promise<unknown>): Promise<unknown> => {
  nowMs = timeMs
  try {
    return await run()
  } finally {
    nowMs = START_MS
  }
}
const EXPIRED = { name: 'ProtocolError', code: 'REFS_EXPIRED', kind: 'missing' }

describe('refs signed with HMAC', () => {
  const signer = hmacRefSigner({ keys: [OLD], nowMs: clock })

  test('verify for the volume and principal that they were signed for', async () => {
    const signed = await signer.sign(REF, SCOPE)
    expect(signed).toMatchObject({ ref: REF, issuedAtMs: BigInt(START_MS), keyId: 'old' })
    expect(signed.signature).toHaveLength(32)
    await expect(signer.verify(signed, SCOPE)).resolves.toBeUndefined()
  })

  test('are the same whoever computes them, with the key that signs', async () => {
    const secrets: Uint8Array[] = []
    const hmacSha256 = (secret: Uint8Array, message: Uint8Array): Uint8Array => {
      secrets.push(secret)
      return new Uint8Array(createHmac('sha256', secret).update(message).digest())
    }
    const own = hmacRefSigner({ keys: [NEW, OLD], nowMs: clock, hmacSha256 })
    const signed = await own.sign(REF, SCOPE)
    expect(signed).toEqual(await hmacRefSigner({ keys: [NEW, OLD], nowMs: clock }).sign(REF, SCOPE))
    await expect(own.verify(signed, SCOPE)).resolves.toBeUndefined()
    expect(secrets).toEqual([NEW.secret])
  })

  test.each([
    ['volume', { ...SCOPE, volumeId: volumeId(2) }],
    ['principal', { ...SCOPE, principal: 'bob' }],
  ])('of another %s are answered like expired ones', async (_, scope) => {
    const signed = await signer.sign(REF, SCOPE)
    await expect(signer.verify(signed, scope)).rejects.toMatchObject(EXPIRED)
  })

  test('every changed byte of ref or signature is noticed', async () => {
    const signed = await signer.sign(REF, SCOPE)
    for (const field of ['ref', 'signature'] as const) {
      for (let i = 0; i < signed[field].length; i++) {
        const bytes = Uint8Array.from(signed[field])
        bytes[i] = (bytes[i] as number) ^ 1
        await expect(signer.verify({ ...signed, [field]: bytes }, SCOPE)).rejects.toMatchObject(EXPIRED)
      }
    }
  })

  test.each<[string, Partial<SignedSegmentRef>]>([
    ['another time', { issuedAtMs: BigInt(START_MS + 1) }],
    ['another key id', { keyId: 'new' }],
    ['an unknown key id', { keyId: 'gone' }],
    ['no key id', { keyId: '' }],
    ['no signature', { signature: new Uint8Array(0) }],
    ['a short signature', { signature: new Uint8Array(31) }],
  ])('%s is noticed', async (_, fields) => {
    const signer = hmacRefSigner({ keys: [OLD, NEW], nowMs: clock })
    const signed = await signer.sign(REF, SCOPE)
    await expect(signer.verify({ ...signed, ...fields }, SCOPE)).rejects.toMatchObject(EXPIRED)
  })

  test('bytes cannot slide from the principal into the ref', async () => {
    const bytes = (text: string) => new TextEncoder().encode(text)
    const signed = await signer.sign(bytes('c'), { ...SCOPE, principal: 'a\0\0\0\0b' })
    const slid = { ...signed, ref: bytes('b\0\0\0\0c') }
    await expect(signer.verify(slid, { ...SCOPE, principal: 'a' })).rejects.toMatchObject(EXPIRED)
  })

  test('keys rotate: the first signs, all verify, a dropped one does not', async () => {
    const signed = await signer.sign(REF, SCOPE)
    const both = hmacRefSigner({ keys: [NEW, OLD], nowMs: clock })
    await expect(both.verify(signed, SCOPE)).resolves.toBeUndefined()
    expect((await both.sign(REF, SCOPE)).keyId).toBe('new')
    const dropped = hmacRefSigner({ keys: [NEW], nowMs: clock })
    await expect(dropped.verify(signed, SCOPE)).rejects.toMatchObject(EXPIRED)
  })

  test('a secret that the caller overwrites later still signs', async () => {
    const secret = new Uint8Array(32).fill(9)
    const copied = hmacRefSigner({ keys: [{ id: 'k', secret }], nowMs: clock })
    secret.fill(0)
    const signed = await copied.sign(REF, SCOPE)
    const other = hmacRefSigner({ keys: [{ id: 'k', secret: new Uint8Array(32).fill(9) }], nowMs: clock })
    await expect(other.verify(signed, SCOPE)).resolves.toBeUndefined()
  })

  test.each([
    ['no key', []],
    ['a short secret', [{ id: 'k', secret: new Uint8Array(31) }]],
    ['a key without id', [{ id: '', secret: new Uint8Array(32) }]],
    ['two keys of one id', [OLD, { ...NEW, id: 'old' }]],
  ])('%s is refused at once', (_, keys) => {
    expect(() => hmacRefSigner({ keys, nowMs: clock })).toThrow(
      expect.objectContaining({ code: 'OPTIONS_INVALID', kind: 'invalid' }),
    )
  })
})

describe.each<[string, RefSigner, RefSigner]>([
  ['HMAC', hmacRefSigner({ keys: [OLD], nowMs: clock }), hmacRefSigner({ keys: [OLD], nowMs: clock, uploadWindowMs: 1000 })],
  ['age only', ageOnlyRefSigner({ nowMs: clock }), ageOnlyRefSigner({ nowMs: clock, uploadWindowMs: 1000 })],
])('the age of refs, %s', (_, signer, impatient) => {
  test.each([
    ['HOUR', () => signer, HOUR_MS],
    ['given', () => impatient, 1000],
  ])('the %s window ends where it says', async (_, pick, windowMs) => {
    const signed = await pick().sign(REF, SCOPE)
    await at(START_MS + windowMs, () => pick().verify(signed, SCOPE))
    await expect(at(START_MS + windowMs + 1, () => pick().verify(signed, SCOPE))).rejects.toMatchObject(EXPIRED)
  })

  test('clocks may differ by five minutes, not more', async () => {
    const signed = await signer.sign(REF, SCOPE)
    await at(START_MS - 300_000, () => signer.verify(signed, SCOPE))
    await expect(at(START_MS - 300_001, () => signer.verify(signed, SCOPE))).rejects.toMatchObject({
      code: 'REFS_FORGED',
      kind: 'denied',
    })
  })
})

test('age only: neither signature nor scope is looked at', async () => {
  const signer = ageOnlyRefSigner({ nowMs: clock })
  const signed = await signer.sign(REF, SCOPE)
  expect(signed).toMatchObject({ keyId: '', signature: new Uint8Array(0) })
  await expect(signer.verify(signed, { volumeId: volumeId(2), principal: 'bob' })).resolves.toBeUndefined()
})
