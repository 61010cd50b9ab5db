import { expect, test } from 'vitest'
import { RequestSlots } from '../../src/service.ts'

const TOO_MANY = expect.objectContaining({ kind: 'exhausted', code: 'REQUESTS_TOO_MANY', retryAfterMs: 250 })

test('of a principal without calls under way nothing is kept', () => {
  const slots = new RequestSlots({ requestsMax: 10, requestsPerPrincipalMax: 2 })
  const [first, second] = [slots.enterAs('alice'), slots.enterAs('alice')]
  const other = slots.enterAs('bob')
  expect(slots.principals).toBe(2)
  expect(() => slots.enterAs('alice')).toThrow(TOO_MANY)
  first()
  expect(slots.principals).toBe(2)
  slots.enterAs('alice')()
  second()
  expect(slots.principals).toBe(1)
  other()
  expect(slots.principals).toBe(0)
})

test('a call counts until its signal fires; one that is over already does not count', () => {
  const slots = new RequestSlots({ requestsMax: 1, requestsPerPrincipalMax: 1 })
  slots.enter(AbortSignal.abort())
  expect(slots.count).toBe(0)
  const call = new AbortController()
  slots.enter(call.signal)
  expect(() => slots.enter(new AbortController().signal)).toThrow(TOO_MANY)
  call.abort()
  slots.enter(new AbortController().signal)
  expect(slots.count).toBe(1)
})
