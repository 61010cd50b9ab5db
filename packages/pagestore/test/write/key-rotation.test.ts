import { hmacRefSigner, type RefKey, type SignedSegmentRef } from '@graft-ts/protocol'
import { Splinter } from '@graft-ts/splinter'
import { idToBytes } from '@graft-ts/volume'
import { expect, test } from 'vitest'
import { openHarness, outcomeOf } from '../harness.ts'

const OLD: RefKey = { id: 'old', secret: new Uint8Array(32).fill(1) }
const NEW: RefKey = { id: 'new', secret: new Uint8Array(32).fill(2) }
const nowMs = () => 1_700_000_000_000
const signerWith = (...keys: RefKey[]) => hmacRefSigner({ keys, nowMs })

/** What a page store that signs with these keys answers a write with, and for what the ref is good. */
async function written(...keys: RefKey[]) {
  const { client, newVolume } = openHarness({ refs: signerWith(...keys), authorize: async () => ({ id: 'alice' }) })
  const volumeId = newVolume()
  const { refs } = await client.writePages({
    volumeId: idToBytes(volumeId),
    pageSize: 512,
    pages: Splinter.from([1]).toBytes(),
    data: new Uint8Array(512),
  })
  return { signed: refs[0] as SignedSegmentRef, scope: { volumeId, principal: 'alice' } }
}

test('a ref of the previous key is accepted while that key is kept, and refused after', async () => {
  const before = await written(OLD)
  expect(before.signed.keyId).toBe('old')
  for (const keys of [[OLD], [OLD, NEW], [NEW, OLD]]) await signerWith(...keys).verify(before.signed, before.scope)
  expect(await outcomeOf(signerWith(NEW).verify(before.signed, before.scope))).toBe('missing REFS_EXPIRED')

  const after = await written(NEW, OLD)
  expect(after.signed.keyId).toBe('new')
  // A meta store takes the new key before any page store signs with it, or it would refuse these.
  for (const keys of [[OLD, NEW], [NEW, OLD], [NEW]]) await signerWith(...keys).verify(after.signed, after.scope)
  expect(await outcomeOf(signerWith(OLD).verify(after.signed, after.scope))).toBe('missing REFS_EXPIRED')
})
