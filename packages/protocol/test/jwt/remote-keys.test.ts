import type { Timers } from '@graft-ts/volume'
import { describe, expect, test } from 'vitest'
import { newSigningKey, type SigningKey } from '../../src/jwt.ts'
import { AUDIENCE, DENIED, type Harness, ISSUER, NOW_MS, openHarness, sign } from './harness.ts'

const URL = `${ISSUER}/keys`
const UNAVAILABLE = { kind: 'unavailable', code: 'KEYS_UNAVAILABLE' }
const MINUTE = 60_000

/** An issuer that publishes keys, and how often it was asked. */
class Publisher {
  keys: unknown[] = []
  asked: Request[] = []
  /** Replaces the answer. */
  answer: (request: Request) => Promise<Response> = async () => Response.json({ keys: this.keys })

  readonly fetch: typeof fetch = (input, init) => {
    const request = new Request(input, init)
    this.asked.push(request)
    return this.answer(request)
  }
}

class ManualTimers implements Timers {
  readonly waiting = new Map<() => void, number>()
  start(run: () => void, delayMs: number): () => void {
    this.waiting.set(run, delayMs)
    return () => void this.waiting.delete(run)
  }
}

interface Remote extends Harness {
  readonly publisher: Publisher
  readonly timers: ManualTimers
  readonly later: (ms: number) => void
}

async function openRemote(...keys: SigningKey[]): Promise<Remote> {
  const publisher = new Publisher()
  publisher.keys = keys.map(({ publicKey }) => publicKey)
  const timers = new ManualTimers()
  const issuers = [{ issuer: ISSUER, keysUrl: URL }]
  const harness = await openHarness({ issuers, fetch: publisher.fetch, timers, lifetimeMsMax: 86_400_000 })
  return { ...harness, publisher, timers, later: (ms) => void (harness.clock.nowMs += ms) }
}

const dayLong = (key: SigningKey, claims: object = {}) => sign(key.privateKey, { exp: NOW_MS / 1000 + 86_400, ...claims })

describe('keys that an issuer publishes', () => {
  test('are fetched when first needed, once for all who wait, without redirects', async () => {
    const key = await newSigningKey()
    const { ask, publisher, events, timers } = await openRemote(key)
    expect(publisher.asked).toEqual([])
    const token = await dayLong(key)
    await Promise.all([ask(token), ask(token), ask(token)])
    await ask(token)
    expect(publisher.asked.map(({ url, method, redirect }) => [url, method, redirect])).toEqual([[URL, 'GET', 'error']])
    expect(publisher.asked[0]?.headers.get('authorization')).toBeNull()
    expect(events).toEqual([{ type: 'keys-fetched', issuer: ISSUER, keys: 1, skipped: 0 }])
    expect(timers.waiting.size).toBe(0)
  })

  test('are asked for again after ten minutes: a dropped key is over, also for tokens that were seen good', async () => {
    const [old, young] = [await newSigningKey(), await newSigningKey()]
    const { ask, publisher, later, lastReason } = await openRemote(old)
    const token = await dayLong(old)
    await ask(token)
    publisher.keys = [young.publicKey]
    later(10 * MINUTE - 1)
    await ask(token)
    expect(publisher.asked).toHaveLength(1)
    later(1)
    await expect(ask(token)).rejects.toMatchObject(DENIED)
    expect(lastReason()).toBe('key')
    await ask(await dayLong(young))
    expect(publisher.asked).toHaveLength(2)
  })

  test('a key that was replaced under its id is not taken for the old one', async () => {
    const [old, young] = [await newSigningKey({ keyId: 'k' }), await newSigningKey({ keyId: 'k' })]
    const { ask, publisher, later, lastReason } = await openRemote(old)
    const token = await dayLong(old)
    await ask(token)
    publisher.keys = [young.publicKey]
    later(10 * MINUTE)
    await expect(ask(token)).rejects.toMatchObject(DENIED)
    expect(lastReason()).toBe('signature')
  })

  test('a new key is found at once; unknown ones cannot make the issuer be asked more than twice a minute', async () => {
    const [old, young] = [await newSigningKey(), await newSigningKey()]
    const { ask, publisher, later } = await openRemote(old)
    await ask(await dayLong(old))
    publisher.keys = [young.publicKey, old.publicKey]
    later(30_000)
    await ask(await dayLong(young))
    expect(publisher.asked).toHaveLength(2)
    for (let i = 0; i < 20; i++) {
      await expect(ask(await sign(young.privateKey, {}, { kid: `unknown-${i}` }))).rejects.toMatchObject(DENIED)
    }
    expect(publisher.asked).toHaveLength(2)
    later(30_000)
    await expect(ask(await sign(young.privateKey, {}, { kid: 'unknown' }))).rejects.toMatchObject(DENIED)
    expect(publisher.asked).toHaveLength(3)
  })

  test('those for something else are passed over, and no more than 100 are kept', async () => {
    const keys = await Promise.all(Array.from({ length: 101 }, () => newSigningKey()))
    const { ask, publisher, events } = await openRemote(...keys)
    const other = { kty: 'EC', crv: 'P-256', kid: 'e', use: 'enc' }
    publisher.keys = [{ kty: 'oct', kid: 's', k: 'c2VjcmV0' }, other, 7, null, ...publisher.keys]
    await ask(await dayLong(keys[99] as SigningKey))
    await expect(ask(await dayLong(keys[100] as SigningKey))).rejects.toMatchObject(DENIED)
    expect(events[0]).toEqual({ type: 'keys-fetched', issuer: ISSUER, keys: 100, skipped: 5 })
  })

  test('other issuers and other audiences cost no request', async () => {
    const key = await newSigningKey()
    const { ask, publisher } = await openRemote(key)
    await expect(ask(await dayLong(key, { iss: 'https://other.example' }))).rejects.toMatchObject(DENIED)
    await expect(ask('nonsense')).rejects.toMatchObject(DENIED)
    expect(publisher.asked).toEqual([])
    await ask(await dayLong(key, { aud: AUDIENCE }))
  })
})

describe('an issuer that does not answer as it should', () => {
  test.each<[string, () => Promise<Response>, string]>([
    ['fails', () => Promise.reject(new TypeError('fetch failed')), 'fetch failed'],
    ['throws something else', () => Promise.reject('x'), 'unknown'],
    ['refuses', async () => new Response('no', { status: 503 }), 'the answer has status 503'],
    ['redirects', async () => new Response(null, { status: 302 }), 'the answer has status 302'],
    ['answers HTML', async () => new Response('<html>secret</html>'), 'the answer is not JSON'],
    ['answers nothing', async () => new Response(null), 'the answer is not JSON'],
    ['answers something else', async () => Response.json({ keys: 'none' }), 'the answer holds no list of keys'],
    ['answers null', async () => Response.json(null), 'the answer holds no list of keys'],
    ['answers without end', async () => new Response(endless()), 'the answer is longer than 262144 bytes'],
  ])('%s: nobody is let in, nobody is refused for good, and it is left alone for five seconds', async (_, answer, reason) => {
    const key = await newSigningKey()
    const { ask, publisher, events, later } = await openRemote(key)
    const good = publisher.answer
    publisher.answer = answer
    const token = await dayLong(key)
    await expect(ask(token)).rejects.toMatchObject(UNAVAILABLE)
    await expect(ask(token)).rejects.toMatchObject(UNAVAILABLE)
    expect(events).toEqual([{ type: 'keys-failed', issuer: ISSUER, reason, isBridged: false }])
    publisher.answer = good
    later(4999)
    await expect(ask(token)).rejects.toMatchObject(UNAVAILABLE)
    later(1)
    await ask(token)
    expect(publisher.asked).toHaveLength(2)
  })

  test('never answers: given up after five seconds, and told so', async () => {
    const key = await newSigningKey()
    const { ask, publisher, events, timers } = await openRemote(key)
    const asked = new Promise<AbortSignal>((resolve) => {
      publisher.answer = (request) => {
        resolve(request.signal)
        return new Promise(() => undefined)
      }
    })
    const asking = ask(await dayLong(key))
    asking.catch(() => undefined)
    const signal = await asked
    const [[run, delayMs]] = timers.waiting as unknown as [[() => void, number]]
    expect(delayMs).toBe(5000)
    run()
    await expect(asking).rejects.toMatchObject(UNAVAILABLE)
    expect(signal.aborted).toBe(true)
    expect(events).toMatchObject([{ type: 'keys-failed', reason: 'no answer within 5000 ms' }])
  })

  test('after it did: its keys are used for up to an hour', async () => {
    const key = await newSigningKey()
    const { ask, publisher, events, later } = await openRemote(key)
    const token = await dayLong(key)
    await ask(token)
    publisher.answer = () => Promise.reject(new Error('down'))
    later(60 * MINUTE - 1)
    await ask(token)
    expect(events.at(-1)).toEqual({ type: 'keys-failed', issuer: ISSUER, reason: 'down', isBridged: true })
    later(1)
    await expect(ask(token)).rejects.toMatchObject(UNAVAILABLE)
  })
})

function endless(): ReadableStream<Uint8Array> {
  return new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(65_536).fill(32)) })
}
