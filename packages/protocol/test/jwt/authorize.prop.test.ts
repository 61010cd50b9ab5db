import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { DENIED, encodePart, goodClaims, type Harness, openHarness, sign, volumeA } from './harness.ts'

let harness: Harness
let good: string

beforeAll(async () => {
  harness = await openHarness()
  good = await sign(harness.key.privateKey)
  await harness.ask(good)
})

async function expectDenied(authorization: string): Promise<void> {
  const asked = harness.authorize({ headers: new Headers({ authorization }), action: 'read', volumeId: volumeA })
  await expect(asked).rejects.toMatchObject(DENIED)
}

const visible = fc.string({
  unit: fc.integer({ min: 33, max: 126 }).map((code) => String.fromCharCode(code)),
  maxLength: 300,
  size: 'max',
})
const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.'

test('I11: whatever stands in the header is refused, and refused alike', async () => {
  await fc.assert(fc.asyncProperty(visible, async (text) => expectDenied(`Bearer ${text}`)))
  await fc.assert(fc.asyncProperty(visible, async (text) => expectDenied(text)))
})

test('I11: so is a token whose parts are any JSON', async () => {
  const header = fc.oneof(
    fc.jsonValue(),
    fc.record({ alg: fc.constant('ES256'), kid: fc.oneof(fc.constant('k1'), fc.jsonValue()) }),
  )
  const claims = fc.oneof(fc.jsonValue(), fc.dictionary(fc.constantFrom(...Object.keys(goodClaims)), fc.jsonValue()))
  const mixed = claims.map((value) => (typeof value === 'object' ? Object.assign({}, goodClaims, value) : value))
  await fc.assert(
    fc.asyncProperty(header, mixed, visible, async (head, body, signature) => {
      const token = `${encodePart(head)}.${encodePart(body)}.${Buffer.from(signature).toString('base64url')}`
      await expectDenied(`Bearer ${token}`)
    }),
  )
})

test('so is a good token in which any character is another one', async () => {
  // But for the last one, of which some bits do not count.
  const places = fc.nat({ max: good.length - 2 })
  await fc.assert(
    fc.asyncProperty(places, fc.nat({ max: BASE64URL.length - 1 }), async (place, letter) => {
      fc.pre(good[place] !== BASE64URL[letter])
      await expectDenied(`Bearer ${good.slice(0, place)}${BASE64URL[letter]}${good.slice(place + 1)}`)
    }),
  )
})

test('so are signed claims of any form, unless they are of the right one', async () => {
  const names = fc.constantFrom(...Object.keys(goodClaims))
  await fc.assert(
    fc.asyncProperty(names, fc.jsonValue({ maxDepth: 3 }), async (name, value) => {
      fc.pre(!(name === 'sub' && typeof value === 'string') && JSON.stringify(value) !== JSON.stringify(goodClaims[name]))
      fc.pre(!((name === 'iat' || name === 'exp') && typeof value === 'number'))
      await expectDenied(`Bearer ${await sign(harness.key.privateKey, { [name]: value })}`)
    }),
  )
})
