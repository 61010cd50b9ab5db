import { newVolumeId, systemIdSource } from '@graft-ts/volume'
import { expect, test } from 'vitest'
import { type AuthorizationRequest, allowEverybody, requireAuthorize } from '../src/index.ts'

const request: AuthorizationRequest = { headers: new Headers(), action: 'read', volumeId: newVolumeId(systemIdSource) }

test('an authorize that was forgotten is refused at the start', () => {
  for (const forgotten of [undefined, null, true, 'everybody', {}]) {
    expect(() => requireAuthorize(forgotten)).toThrow(expect.objectContaining({ kind: 'invalid', code: 'OPTIONS_INVALID' }))
  }
})

test('an answer that names nobody is no permission', async () => {
  for (const answer of [undefined, null, false, true, 'me', {}, { id: '' }, { id: 7 }, { id: 'me', expiresAtMs: '9' }]) {
    const authorize = requireAuthorize(async () => answer)
    await expect(authorize(request)).rejects.toMatchObject({ kind: 'denied', code: 'ACCESS_DENIED', message: 'not allowed' })
  }
})

test('one that answers is asked as it is, also if it is not asynchronous', async () => {
  const asked: AuthorizationRequest[] = []
  const authorize = requireAuthorize((given: AuthorizationRequest) => {
    asked.push(given)
    return { id: 'me', expiresAtMs: 9 }
  })
  expect(await authorize(request)).toEqual({ id: 'me', expiresAtMs: 9 })
  expect(asked).toEqual([request])
  expect(await requireAuthorize(allowEverybody)(request)).toEqual({ id: 'everybody' })
})
