import type { VolumeId } from '@graft-ts/volume'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { describe, expect, test } from 'vitest'
import { type Jwk, newSigningKey, signToken, type TokenContents } from '../../src/jwt.ts'
import { AUDIENCE, ISSUER, NOW, NOW_MS, openHarness, volumeA, volumeB } from './harness.ts'

const contents: TokenContents = {
  issuer: ISSUER,
  subject: 'user-1',
  audience: AUDIENCE,
  grants: [{ actions: ['read'], volumes: [volumeA] }],
  lifetimeMs: 60_000,
}
const clock = { nowMs: () => NOW_MS + 999 }

test('a token that was made is a token that is taken, for what it grants', async () => {
  const key = await newSigningKey()
  const { ask } = await openHarness({ issuers: [{ issuer: ISSUER, keys: [key.publicKey] }] })
  const token = await signToken(key.privateKey, contents, clock)
  expect(await ask(token)).toMatchObject({ id: `${ISSUER}#user-1` })
  await expect(ask(token, 'read', volumeB)).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
  expect(decodeJwt(token)).toEqual({
    iss: ISSUER,
    sub: 'user-1',
    aud: AUDIENCE,
    iat: NOW,
    exp: NOW + 60,
    graft: contents.grants,
  })
  expect(decodeProtectedHeader(token)).toEqual({ alg: 'ES256', typ: 'JWT', kid: key.publicKey['kid'] })
})

test('the public half of a new key holds no secret, and both have the name that was wished or one of their own', async () => {
  const named = await newSigningKey({ keyId: 'k1' })
  expect([named.privateKey['kid'], named.publicKey['kid']]).toEqual(['k1', 'k1'])
  expect(Object.keys(named.publicKey).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'])
  const [one, two] = [await newSigningKey(), await newSigningKey()]
  expect(one.publicKey['kid']).toMatch(/^[\w-]{43}$/)
  expect(one.publicKey['kid']).not.toBe(two.publicKey['kid'])
})

describe('what no server would take is not signed', async () => {
  const { privateKey, publicKey } = await newSigningKey()
  const noVolume = 'x' as VolumeId
  test.each<[string, Jwk, Partial<TokenContents>]>([
    ['a public key', publicKey, {}],
    ['a key without kid', { ...privateKey, kid: undefined }, {}],
    ['a shared secret', { kty: 'oct', kid: 'k', k: 'c2VjcmV0', d: 'x' }, {}],
    ['a life of less than a second', privateKey, { lifetimeMs: 999 }],
    ['a life without end', privateKey, { lifetimeMs: Number.POSITIVE_INFINITY }],
    ['no grants', privateKey, { grants: [] }],
    ['a volume that is none', privateKey, { grants: [{ actions: ['read'], volumes: [noVolume] }] }],
    ['an issuer that is none', privateKey, { issuer: '' }],
    ['an issuer with a space', privateKey, { issuer: 'a b' }],
    ['a subject that is none', privateKey, { subject: '' }],
    ['an audience that is none', privateKey, { audience: '' }],
  ])('%s', async (_, key, changed) => {
    const signing = signToken(key, { ...contents, ...changed }, clock)
    await expect(signing).rejects.toMatchObject({ kind: 'invalid', code: 'OPTIONS_INVALID' })
  })

  test('a token that would be too long', async () => {
    const grants = [{ actions: ['read' as const], volumes: Array.from({ length: 300 }, () => volumeA) }]
    const signing = signToken(privateKey, { ...contents, grants }, clock)
    await expect(signing).rejects.toMatchObject({ code: 'OPTIONS_INVALID', message: expect.stringContaining('8192') })
  })
})
