import { exportJWK, exportSPKI, generateKeyPair, type JWTPayload, SignJWT } from 'jose'
import { describe, expect, test } from 'vitest'
import type { Action } from '../../src/index.ts'
import { type Jwk, type JwtIssuer, jwtAuthorize, newSigningKey } from '../../src/jwt.ts'
import { AUDIENCE, DENIED, encodePart, ISSUER, NOW, NOW_MS, openHarness, sign, volumeA, volumeB } from './harness.ts'

/** A pair of keys of any algorithm, as JWKs. */
async function keyPair(alg: string, kid: string): Promise<{ privateKey: Jwk; publicKey: Jwk }> {
  const pair = await generateKeyPair(alg, { extractable: true })
  const names = { kid, alg }
  return {
    privateKey: { ...(await exportJWK(pair.privateKey)), ...names },
    publicKey: { ...(await exportJWK(pair.publicKey)), ...names },
  }
}

describe('a good token', () => {
  test('names a principal of its issuer, who expires with it', async () => {
    const { ask, key, events } = await openHarness()
    expect(await ask(await sign(key.privateKey))).toEqual({ id: `${ISSUER}#user-1`, expiresAtMs: NOW_MS + 3_630_000 })
    expect(events).toEqual([])
  })

  test.each(['ES256', 'ES384', 'EdDSA', 'Ed25519', 'RS256', 'PS256'])('of %s', async (alg) => {
    const { privateKey, publicKey } = await keyPair(alg, 'k')
    const { ask } = await openHarness({ issuers: [{ issuer: ISSUER, keys: [publicKey] }] })
    expect(await ask(await sign(privateKey))).toMatchObject({ id: `${ISSUER}#user-1` })
  })

  test('also of a key without alg, which is bound by its type', async () => {
    const { privateKey, publicKey } = await keyPair('RS256', 'k')
    const bare = { ...publicKey, alg: undefined }
    const { ask, lastReason } = await openHarness({ issuers: [{ issuer: ISSUER, keys: [bare] }] })
    await ask(await sign(privateKey))
    await expect(ask(await sign({ ...privateKey, alg: 'PS256' }))).rejects.toMatchObject(DENIED)
    expect(lastReason()).toBe('algorithm')
  })

  test('is found behind any spelling of the scheme, and one audience of several is enough', async () => {
    const { authorize, key } = await openHarness()
    const token = await sign(key.privateKey, { aud: ['https://other.example', AUDIENCE] })
    for (const scheme of ['Bearer', 'bearer', 'BEARER']) {
      const headers = new Headers({ authorization: `${scheme} ${token}` })
      expect(await authorize({ headers, action: 'read', volumeId: volumeA })).toMatchObject({ id: `${ISSUER}#user-1` })
    }
  })

  test.each(['ünïcode', '用户-7', '👩‍🚀', 'a b', 'x'.repeat(255)])('may name its subject %s', async (sub) => {
    const { ask, key } = await openHarness()
    expect(await ask(await sign(key.privateKey, { sub }))).toMatchObject({ id: `${ISSUER}#${sub}` })
  })
})

describe('what is refused, told alike to the caller and with its reason to the log', () => {
  type Forge = (key: Jwk, other: Jwk) => Promise<string> | string
  const claims =
    (changed: Record<string, unknown>): Forge =>
    (key) =>
      sign(key, changed)
  const swapPart =
    (index: number, part: (old: string) => string): Forge =>
    async (key) =>
      (await sign(key))
        .split('.')
        .map((old, i) => (i === index ? part(old) : old))
        .join('.')

  const cases: [name: string, reason: string, forge: Forge][] = [
    ['no token at all', 'no-token', () => ''],
    ['not a token', 'malformed', () => 'secret'],
    ['two tokens', 'malformed', async (key) => `${await sign(key)}, ${await sign(key)}`],
    ['an encrypted token', 'malformed', () => 'a.b.c.d.e'],
    ['parts that are no JSON', 'malformed', () => 'aaaa.bbbb.cccc'],
    ['alg none', 'malformed', () => `${encodePart({ alg: 'none', kid: 'k1' })}.${encodePart({ iss: ISSUER })}.`],
    ['alg none with a signature', 'algorithm', swapPart(0, () => encodePart({ alg: 'none', kid: 'k1' }))],
    ['another algorithm', 'algorithm', swapPart(0, () => encodePart({ alg: 'HS256', kid: 'k1' }))],
    ['an algorithm of another letter case', 'algorithm', swapPart(0, () => encodePart({ alg: 'es256', kid: 'k1' }))],
    ['no kid', 'malformed', (key) => sign(key, {}, { kid: undefined })],
    ['an unknown kid', 'key', (key) => sign(key, {}, { kid: 'k2' })],
    ['a kid of the prototype', 'key', (key) => sign(key, {}, { kid: '__proto__' })],
    [
      'an extension that must be understood',
      'malformed',
      swapPart(0, () => encodePart({ alg: 'ES256', kid: 'k1', crit: ['x'], x: 1 })),
    ],
    ['an extension that jose would understand', 'malformed', (key) => sign(key, {}, { crit: ['b64'], b64: true })],
    ['the key of somebody else', 'signature', (_, other) => sign({ ...other, kid: 'k1' })],
    [
      'a key that the token brings along',
      'signature',
      (_, other) => sign({ ...other, kid: 'k1' }, {}, { jwk: publicPart(other) }),
    ],
    [
      'claims that were changed',
      'signature',
      swapPart(1, () => encodePart({ iss: ISSUER, sub: 'admin', aud: AUDIENCE, iat: NOW, exp: NOW + 9 })),
    ],
    [
      'a signature that was changed',
      'signature',
      swapPart(2, (old) => (old.startsWith('A') ? `B${old.slice(1)}` : `A${old.slice(1)}`)),
    ],
    ['a signature that was cut off', 'signature', swapPart(2, (old) => old.slice(0, -4))],
    ['an unknown issuer', 'issuer', claims({ iss: 'https://evil.example' })],
    ['an issuer with a slash more', 'issuer', claims({ iss: `${ISSUER}/` })],
    ['no issuer', 'malformed', claims({ iss: undefined })],
    ['another audience', 'audience', claims({ aud: 'https://other.example' })],
    ['no audience', 'audience', claims({ aud: undefined })],
    ['an empty list of audiences', 'audience', claims({ aud: [] })],
    ['no exp', 'malformed', claims({ exp: undefined })],
    ['an exp that is text', 'malformed', claims({ exp: `${NOW + 60}` })],
    ['no iat', 'malformed', claims({ iat: undefined })],
    ['an iat that is text', 'malformed', claims({ iat: 'now' })],
    ['an nbf that is text', 'malformed', claims({ nbf: 'now' })],
    ['expired', 'expired', claims({ iat: NOW - 3600, exp: NOW - 31 })],
    ['not yet valid', 'too-early', claims({ nbf: NOW + 31 })],
    ['made in the future', 'too-early', claims({ iat: NOW + 31 })],
    ['good for too long', 'lifetime', claims({ exp: NOW + 86_401 })],
    ['good for ever', 'lifetime', claims({ exp: 1e300 })],
    ['made long before time began', 'lifetime', claims({ iat: -1e300 })],
    ['no subject', 'malformed', claims({ sub: undefined })],
    ['an empty subject', 'malformed', claims({ sub: '' })],
    ['a subject that is too long', 'malformed', claims({ sub: 'x'.repeat(256) })],
    ['a subject with half a character', 'malformed', claims({ sub: 'a\ud800' })],
    ['a subject over two lines', 'malformed', claims({ sub: 'a\nb' })],
    ['no grants', 'grants', claims({ graft: undefined })],
    ['grants for another volume', 'right', claims({ graft: [{ actions: ['read'], volumes: [volumeB] }] })],
    ['grants for another action', 'right', claims({ graft: [{ actions: ['create', 'admin'], volumes: '*' }] })],
  ]

  test.each(cases)('%s: %s', async (_, reason, forge) => {
    const { ask, key, events } = await openHarness()
    const other = await newSigningKey()
    const refused = await ask(await forge(key.privateKey, other.privateKey)).catch((error: unknown) => error)
    expect(refused).toMatchObject(DENIED)
    expect((refused as Error).cause).toBeUndefined()
    const principal = reason === 'right' ? `${ISSUER}#user-1` : undefined
    expect(events).toEqual([{ type: 'access-denied', reason, action: 'read', volumeId: volumeA, principal }])
  })

  test('no header, another scheme', async () => {
    const { authorize, key, lastReason } = await openHarness()
    const token = await sign(key.privateKey)
    for (const value of [undefined, `Basic ${token}`, token, `Bearer${token}`, 'Bearer', 'DPoP x']) {
      const headers = new Headers(value === undefined ? {} : { authorization: value })
      await expect(authorize({ headers, action: 'read', volumeId: volumeA })).rejects.toMatchObject(DENIED)
      expect(lastReason()).toBe('no-token')
    }
  })

  test('a public RSA key that is used as a shared secret', async () => {
    const pair = await generateKeyPair('RS256', { extractable: true })
    const publicKey = { ...(await exportJWK(pair.publicKey)), kid: 'k1', alg: 'RS256' }
    const { ask, lastReason } = await openHarness({ issuers: [{ issuer: ISSUER, keys: [publicKey] }] })
    const { iss, sub, aud, iat, exp, graft } = JSON.parse(
      Buffer.from((await sign((await newSigningKey()).privateKey)).split('.')[1] as string, 'base64url').toString(),
    ) as Record<string, unknown>
    for (const secret of [await exportSPKI(pair.publicKey), JSON.stringify(publicKey), publicKey.n as string]) {
      const token = await new SignJWT({ iss, sub, aud, iat, exp, graft } as JWTPayload)
        .setProtectedHeader({ alg: 'HS256', kid: 'k1' })
        .sign(new TextEncoder().encode(secret))
      await expect(ask(token)).rejects.toMatchObject(DENIED)
      expect(lastReason()).toBe('algorithm')
    }
  })

  test('an algorithm of the same key type that the key is not bound to', async () => {
    const { privateKey, publicKey } = await keyPair('RS256', 'k1')
    const { ask, lastReason } = await openHarness({ issuers: [{ issuer: ISSUER, keys: [publicKey] }] })
    await expect(ask(await sign({ ...privateKey, alg: 'PS256' }))).rejects.toMatchObject(DENIED)
    expect(lastReason()).toBe('algorithm')
  })

  test('tokens of 8,193 characters and of 1 MB, before anything is done with them', async () => {
    const { ask, key, lastReason } = await openHarness()
    const bare = await sign(key.privateKey, { pad: '' })
    // Three bytes of claims are four characters of token.
    const pad = 'x'.repeat(Math.floor(((8192 - bare.length) * 3) / 4))
    const longest = await sign(key.privateKey, { pad })
    expect(longest.length).toBeGreaterThan(8180)
    expect(longest.length).toBeLessThanOrEqual(8192)
    await ask(longest)
    for (const token of [await sign(key.privateKey, { pad: `${pad}${'x'.repeat(9)}` }), `a.b.${'c'.repeat(2 ** 20)}`]) {
      await expect(ask(token)).rejects.toMatchObject(DENIED)
      expect(lastReason()).toBe('too-long')
    }
  })

  test('a log that throws changes nothing', async () => {
    const log = () => {
      throw new Error('the log is full')
    }
    const { ask } = await openHarness({ log })
    await expect(ask('nonsense')).rejects.toMatchObject(DENIED)
  })
})

function publicPart(jwk: Jwk): Jwk {
  return { ...jwk, d: undefined }
}

describe('the clock', () => {
  test('may be off by the tolerance, to the second, at both ends', async () => {
    const { ask, key, clock } = await openHarness({ clockToleranceMs: 5000 })
    const token = await sign(key.privateKey, { iat: NOW, nbf: NOW + 10, exp: NOW + 60 })
    const outcomeAt = async (ms: number) => {
      clock.nowMs = ms
      return ask(token).then(
        () => 'allowed',
        () => 'denied',
      )
    }
    expect(await outcomeAt(NOW_MS + 4999)).toBe('denied')
    expect(await outcomeAt(NOW_MS + 5000)).toBe('allowed')
    expect(await outcomeAt(NOW_MS + 64_999)).toBe('allowed')
    expect(await outcomeAt(NOW_MS + 65_000)).toBe('denied')
  })

  test('without tolerance: a token is over at its exp, also one that was seen good', async () => {
    const { ask, key, clock, lastReason } = await openHarness({ clockToleranceMs: 0 })
    const token = await sign(key.privateKey, { exp: NOW + 60 })
    clock.nowMs = NOW_MS + 59_999
    expect(await ask(token)).toMatchObject({ expiresAtMs: NOW_MS + 60_000 })
    clock.nowMs = NOW_MS + 60_000
    await expect(ask(token)).rejects.toMatchObject(DENIED)
    expect(lastReason()).toBe('expired')
  })

  test('a token may live for exactly as long as allowed', async () => {
    const { ask, key, lastReason } = await openHarness({ lifetimeMsMax: 60_000 })
    await ask(await sign(key.privateKey, { exp: NOW + 60 }))
    await expect(ask(await sign(key.privateKey, { exp: NOW + 61 }))).rejects.toMatchObject(DENIED)
    expect(lastReason()).toBe('lifetime')
  })
})

describe('what a grant allows', () => {
  const asked: [Action, true | undefined][] = [
    ['read', undefined],
    ['read', true],
    ['write', undefined],
    ['create', undefined],
    ['admin', undefined],
  ]
  test.each([
    [['read'], ['read', 'read metadata']],
    [['write'], ['read metadata', 'write']],
    [['create'], ['create']],
    [['admin'], ['admin']],
    [
      ['read', 'write', 'create', 'admin'],
      ['read', 'read metadata', 'write', 'create', 'admin'],
    ],
    [['everything', 'READ', 'delete'], []],
  ])('%j: %j, on its volumes only', async (actions, allowed) => {
    const { ask, key } = await openHarness()
    const token = await sign(key.privateKey, { graft: [{ actions, volumes: [volumeA] }] })
    const found: string[] = []
    for (const [action, isMetadata] of asked) {
      const name = isMetadata === true ? `${action} metadata` : action
      await ask(token, action, volumeA, isMetadata).then(
        () => found.push(name),
        () => undefined,
      )
      await expect(ask(token, action, volumeB, isMetadata)).rejects.toMatchObject(DENIED)
    }
    expect(found).toEqual(allowed)
  })

  test('all volumes, and several grants side by side that do not add up to more', async () => {
    const { ask, key } = await openHarness()
    const graft = [
      { actions: ['read'], volumes: '*' },
      { actions: ['write'], volumes: [volumeA] },
    ]
    const token = await sign(key.privateKey, { graft })
    await ask(token, 'read', volumeB)
    await ask(token, 'write', volumeA)
    await expect(ask(token, 'write', volumeB)).rejects.toMatchObject(DENIED)
  })
})

describe('several issuers', () => {
  test('each with its keys, and principals of their own', async () => {
    const [one, two] = [await newSigningKey({ keyId: 'k' }), await newSigningKey({ keyId: 'k' })]
    const issuers: JwtIssuer[] = [
      { issuer: 'https://one.example', keys: [one.publicKey] },
      { issuer: 'https://two.example', keys: [two.publicKey] },
    ]
    const { ask, lastReason } = await openHarness({ issuers })
    const ids = await Promise.all([
      ask(await sign(one.privateKey, { iss: 'https://one.example' })),
      ask(await sign(two.privateKey, { iss: 'https://two.example' })),
    ])
    expect(ids.map(({ id }) => id)).toEqual(['https://one.example#user-1', 'https://two.example#user-1'])
    await expect(ask(await sign(one.privateKey, { iss: 'https://two.example' }))).rejects.toMatchObject(DENIED)
    expect(lastReason()).toBe('signature')
  })

  test('a subject that looks like an issuer takes nobody else over', async () => {
    const [one, two] = [await newSigningKey({ keyId: 'k' }), await newSigningKey({ keyId: 'k' })]
    const issuers = [
      { issuer: 'a', keys: [one.publicKey] },
      { issuer: 'a/b', keys: [two.publicKey] },
    ]
    const { ask } = await openHarness({ issuers })
    const sly = await ask(await sign(one.privateKey, { iss: 'a', sub: '/b#root' }))
    const root = await ask(await sign(two.privateKey, { iss: 'a/b', sub: 'root' }))
    expect(sly.id).not.toBe(root.id)
  })
})

describe('rotation', () => {
  test('while both keys are there both work; a dropped one is over, and the principal stays', async () => {
    const [old, young] = [await newSigningKey(), await newSigningKey()]
    const both = await openHarness({ issuers: [{ issuer: ISSUER, keys: [young.publicKey, old.publicKey] }] })
    const after = await openHarness({ issuers: [{ issuer: ISSUER, keys: [young.publicKey] }] })
    const [oldToken, youngToken] = [await sign(old.privateKey), await sign(young.privateKey)]
    expect((await both.ask(oldToken)).id).toBe((await both.ask(youngToken)).id)
    await after.ask(youngToken)
    await expect(after.ask(oldToken)).rejects.toMatchObject(DENIED)
    expect(after.lastReason()).toBe('key')
  })

  test('many keys: 100 are taken, each works, one more is not', async () => {
    const keys = await Promise.all(Array.from({ length: 101 }, () => newSigningKey()))
    const publicKeys = keys.map(({ publicKey }) => publicKey)
    const { ask } = await openHarness({ issuers: [{ issuer: ISSUER, keys: publicKeys.slice(0, 100) }] })
    for (const index of [0, 50, 99]) await ask(await sign((keys[index] as { privateKey: Jwk }).privateKey))
    const tooMany = openHarness({ issuers: [{ issuer: ISSUER, keys: publicKeys }] })
    await expect(tooMany).rejects.toMatchObject({ kind: 'invalid', code: 'OPTIONS_INVALID' })
  })
})

test('a signature is checked once for each token, also for many who ask at once, and of 1,001 tokens the longest unused is checked again', async () => {
  const { ask, key } = await openHarness()
  const verify = crypto.subtle.verify.bind(crypto.subtle)
  let checks = 0
  crypto.subtle.verify = (...args: Parameters<typeof verify>) => {
    checks++
    return verify(...args)
  }
  try {
    const tokens = await Promise.all(Array.from({ length: 1001 }, (_, i) => sign(key.privateKey, { jti: `${i}` })))
    const [first, second] = tokens as [string, string]
    for (const token of tokens.slice(0, 1000)) await Promise.all([ask(token), ask(token), ask(token)])
    await ask(first)
    expect(checks).toBe(1000)
    await ask(tokens[1000])
    await ask(first)
    expect(checks).toBe(1001)
    await ask(second)
    expect(checks).toBe(1002)
  } finally {
    crypto.subtle.verify = verify
  }
})

test('neither events nor errors hold anything of a token or a key', async () => {
  const { ask, key, events } = await openHarness()
  const token = await sign(key.privateKey, { sub: 'someone-secret', note: 'private-claim' })
  const forged = await sign({ ...(await newSigningKey()).privateKey, kid: 'k1' }, { sub: 'someone-secret' })
  const told: unknown[] = []
  for (const one of [forged, `${token}x`, token.slice(1), 'secret-text']) {
    await ask(one).catch((error: Error) =>
      told.push(error.message, error.stack, String(error), Object.entries(error), error.cause),
    )
  }
  const { d, x, y } = key.privateKey as Record<string, string>
  expect(() => jwtAuthorize({ audience: AUDIENCE, issuers: [{ issuer: ISSUER, keys: [key.privateKey] }] })).toThrow(
    expect.objectContaining({ message: expect.not.stringContaining(d as string) }),
  )
  const text = JSON.stringify([events, told])
  expect(events).toHaveLength(4)
  const parts = [token, forged].flatMap((one) => one.split('.'))
  for (const secret of [...parts, 'secret-text', 'someone-secret', 'private-claim', d, x, y]) expect(text).not.toContain(secret)
})
