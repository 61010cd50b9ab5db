import { create, toBinary } from '@bufbuild/protobuf'
import type { Timers } from '@graft-ts/volume'
import { expect, test } from 'vitest'
import { WatchRequestSchema } from '../src/index.ts'
import { handlerOf } from './stand-ins.ts'

const MS = 700
const content = toBinary(WatchRequestSchema, create(WatchRequestSchema, { volumes: [{ volumeId: new Uint8Array(16) }] }))
const FORMS = [
  ['protobuf', 'application/connect+proto', content],
  ['JSON', 'application/connect+json', new TextEncoder().encode('{"volumes":[{"volumeId":"AAAAAAAAAAAAAAAAAAAAAA=="}]}')],
] as const

/** Timers that are fired by hand, all that run at a time. */
class HandTimers implements Timers {
  readonly #running = new Map<object, () => void>()
  readonly delays = new Map<object, number>()

  start(run: () => void, delayMs: number): () => void {
    const timer = {}
    this.#running.set(timer, run)
    this.delays.set(timer, delayMs)
    return () => void this.#running.delete(timer)
  }

  get runningMs(): number[] {
    return [...this.#running.keys()].map((timer) => this.delays.get(timer) as number)
  }

  fire(): void {
    const due = [...this.#running.values()]
    this.#running.clear()
    for (const run of due) run()
  }
}

const settle = async () => {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
}

async function watched(contentType: string, message: Uint8Array) {
  const timers = new HandTimers()
  const seen: string[] = []
  const gate = { open: () => undefined as undefined | void }
  const watch = async function* () {
    try {
      for (let i = 0; i < 3; i++) {
        yield {}
        seen.push(`asked for ${i + 1}`)
        if (i === 1) await new Promise<void>((resolve) => (gate.open = resolve))
      }
    } finally {
      seen.push('let go')
    }
  }
  const handler = handlerOf({ meta: { watch } }, 2000, { timers, unreadMsMax: MS })
  const body = Uint8Array.of(0, 0, 0, 0, message.length, ...message)
  const init = { method: 'POST', body, headers: { 'content-type': contentType } }
  const response = await handler(new Request('https://graft.test/graft.v1.MetaService/Watch', init))
  return { timers, seen, gate, response, reader: (response.body as ReadableStream<Uint8Array>).getReader() }
}

test.each(FORMS)('an answer that nobody goes on to read is let go of and ends torn, in %s', async (_, contentType, message) => {
  const { timers, seen, reader } = await watched(contentType, message)
  await reader.read()
  await settle()
  expect(timers.runningMs).toEqual([MS])
  expect(seen).not.toContain('let go')
  timers.fire()
  await settle()
  expect(seen).toContain('let go')
  await expect(reader.read()).rejects.toMatchObject({ code: 'ANSWER_UNREAD', kind: 'unavailable' })
  expect(timers.runningMs).toEqual([])
})

test.each(FORMS)('so is one that nobody begins to read, in %s', async (_, contentType, message) => {
  const { timers, seen, reader } = await watched(contentType, message)
  timers.fire()
  await settle()
  expect(seen).toContain('let go')
  await expect(reader.read()).rejects.toMatchObject({ code: 'ANSWER_UNREAD' })
})

test.each(FORMS)(
  'a reader that waits for the service is not meant, and all of it comes, in %s',
  async (_, contentType, message) => {
    const { timers, seen, gate, reader } = await watched(contentType, message)
    let isOver = false
    const all = (async () => {
      while (!(await reader.read()).done);
      isOver = true
    })()
    await settle()
    expect(seen.at(-1)).toBe('asked for 2')
    timers.fire()
    await settle()
    expect(seen).not.toContain('let go')
    gate.open()
    await all
    expect(isOver).toBe(true)
    expect(timers.runningMs).toEqual([])
  },
)

test.each(FORMS)('a reader that goes leaves no timer behind, in %s', async (_, contentType, message) => {
  const { timers, seen, reader } = await watched(contentType, message)
  await reader.read()
  await reader.cancel()
  await settle()
  expect(seen).toContain('let go')
  expect(timers.runningMs).toEqual([])
})

test('60 seconds unless told otherwise', async () => {
  const timers = new HandTimers()
  const watch = async function* () {
    yield {}
  }
  const handler = handlerOf({ meta: { watch } }, 2000, { timers })
  const body = Uint8Array.of(0, 0, 0, 0, content.length, ...content)
  const init = { method: 'POST', body, headers: { 'content-type': 'application/connect+proto' } }
  await handler(new Request('https://graft.test/graft.v1.MetaService/Watch', init))
  expect(timers.runningMs).toEqual([60_000])
})
