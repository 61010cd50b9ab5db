// What browsers ask before and after they let a page call a store.
import { equal } from '../checks.mjs'
import { ORIGIN } from '../stores.mjs'

const STRANGER = 'https://stranger.example'

/** Registers the tests for a method of a store, such as `graft.v1.MetaService/Pull`. */
export function testCors({ baseUrl }, method, test) {
  // A page cannot name its origin. There the browser asks, for each call of every other test.
  if (globalThis.document !== undefined) return
  const ask = async (origin, init) => {
    const response = await fetch(`${baseUrl}/${method}`, { ...init, headers: { ...init.headers, origin } })
    await response.body?.cancel()
    return response
  }
  const allowed = ({ headers }) => headers.get('access-control-allow-origin')

  test('a preflight allows pages of an origin that was named, and no others', async () => {
    const preflight = { method: 'OPTIONS', headers: { 'access-control-request-method': 'POST' } }
    const [friend, stranger] = [await ask(ORIGIN, preflight), await ask(STRANGER, preflight)]
    equal([friend.status, allowed(friend), stranger.status, allowed(stranger)], [204, ORIGIN, 204, null])
    equal(friend.headers.get('access-control-allow-methods'), 'POST')
    const names = friend.headers.get('access-control-allow-headers').split(', ')
    equal(
      ['authorization', 'content-type', 'connect-protocol-version'].filter((name) => !names.includes(name)),
      [],
    )
  })

  test('answers, refusals too, can be read by pages of that origin only', async () => {
    const call = { method: 'POST', headers: { 'content-type': 'application/proto' }, body: new Uint8Array(0) }
    const [friend, stranger] = [await ask(ORIGIN, call), await ask(STRANGER, call)]
    equal([friend.status, allowed(friend), stranger.status, allowed(stranger)], [400, ORIGIN, 400, null])
  })
}
