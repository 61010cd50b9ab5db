import { describe, expect, test } from 'vitest'
import { type Jwk, type JwtOptions, jwtAuthorize, newSigningKey } from '../../src/jwt.ts'
import { AUDIENCE, DENIED, ISSUER, openHarness, sign } from './harness.ts'

describe('options that make no sense', async () => {
  const key = await newSigningKey()
  const { publicKey, privateKey } = key
  const issuers = [{ issuer: ISSUER, keys: [publicKey] }]
  const withKey = (jwk: unknown) => ({ issuers: [{ issuer: ISSUER, keys: [jwk as Jwk] }] })
  const rsa = (characters: number) => ({ kty: 'RSA', kid: 'k', e: 'AQAB', n: 'A'.repeat(characters) })

  test.each<[string, object]>([
    ['no audience', { audience: undefined }],
    ['an empty audience', { audience: '' }],
    ['several audiences', { audience: ['a'] }],
    ['no issuers', { issuers: undefined }],
    ['an empty list of issuers', { issuers: [] }],
    ['an issuer twice', { issuers: [...issuers, ...issuers] }],
    ['an issuer without a name', { issuers: [{ keys: [publicKey] }] }],
    ['an issuer with #', { issuers: [{ issuer: 'a#b', keys: [publicKey] }] }],
    ['an issuer with a space', { issuers: [{ issuer: 'a b', keys: [publicKey] }] }],
    ['an issuer without keys', { issuers: [{ issuer: ISSUER }] }],
    ['an empty list of keys', { issuers: [{ issuer: ISSUER, keys: [] }] }],
    ['keys and where they are', { issuers: [{ issuer: ISSUER, keys: [publicKey], keysUrl: 'https://a' }] }],
    ['keys over plain HTTP', { issuers: [{ issuer: ISSUER, keysUrl: 'http://issuer.example/keys' }] }],
    [
      'keys from a host that only looks like this one',
      { issuers: [{ issuer: ISSUER, keysUrl: 'http://localhost.evil.example/' }] },
    ],
    ['keys from no address', { issuers: [{ issuer: ISSUER, keysUrl: 'nonsense' }] }],
    ['two keys with one kid', { issuers: [{ issuer: ISSUER, keys: [publicKey, publicKey] }] }],
    ['a private key', withKey(privateKey)],
    ['a shared secret', withKey({ kty: 'oct', kid: 'k', alg: 'HS256', k: 'c2VjcmV0' })],
    ['a key without kid', withKey({ ...publicKey, kid: undefined })],
    ['a key with an endless kid', withKey({ ...publicKey, kid: 'k'.repeat(257) })],
    ['a key of an algorithm that does not fit', withKey({ ...publicKey, alg: 'RS256' })],
    ['a key of an unknown curve', withKey({ ...publicKey, alg: undefined, crv: 'secp256k1' })],
    ['a key for encryption', withKey({ ...publicKey, use: 'enc' })],
    ['a key for other operations', withKey({ ...publicKey, key_ops: ['sign'] })],
    ['an RSA key that is too short', withKey(rsa(341))],
    ['an RSA key that is too long', withKey(rsa(1368))],
    ['not a key', withKey('k')],
    ['a negative tolerance', { clockToleranceMs: -1 }],
    ['a tolerance of more than five minutes', { clockToleranceMs: 300_001 }],
    ['a lifetime of nothing', { lifetimeMsMax: 999 }],
    ['a lifetime of for ever', { lifetimeMsMax: Number.POSITIVE_INFINITY }],
  ])('%s', (_, options) => {
    const given = { issuers, audience: AUDIENCE, ...options } as JwtOptions
    const refused = expect.objectContaining({ kind: 'invalid', code: 'OPTIONS_INVALID' })
    expect(() => jwtAuthorize(given)).toThrow(refused)
  })

  test('the limits themselves are taken', () => {
    const given = [
      { clockToleranceMs: 0 },
      { clockToleranceMs: 300_000 },
      { lifetimeMsMax: 1000 },
      withKey(rsa(342)),
      withKey(rsa(1366)),
    ]
    for (const options of given) expect(jwtAuthorize({ issuers, audience: AUDIENCE, ...options })).toBeTypeOf('function')
  })

  test('a key whose numbers make no sense is found out when it is needed', async () => {
    const broken = { ...publicKey, kid: 'k1', x: publicKey['y'] }
    const { ask, lastReason } = await openHarness(withKey(broken))
    await expect(ask(await sign({ ...privateKey, kid: 'k1' }))).rejects.toMatchObject(DENIED)
    expect(lastReason()).toBe('key')
  })
})
