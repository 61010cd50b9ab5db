import { describe, expect, test } from 'vitest'
import { EventLog } from '../src/event-log.ts'
import type { ServerNode } from '../src/exchange.ts'
import { Network, type NetworkFaults } from '../src/network.ts'
import { Process } from '../src/process.ts'
import { Random } from '../src/random.ts'
import { Scheduler } from '../src/scheduler.ts'
import { Tally } from '../src/tally.ts'

const NO_FAULTS: NetworkFaults = {
  latency: { usualMs: 10, slowShare: 0, lateShare: 0, lateMs: 0 },
  requestLost: 0,
  replyLost: 0,
  duplicate: 0,
  bodyInParts: 0,
  bodyCutOff: 0,
  bodyStalled: 0,
  proxyAnswers: 0,
}
const UNARY = 'application/proto'
const STREAM = 'application/connect+proto'
const SILENT = 'application/silent'

/** One server that counts what it is asked, and answers in three parts. */
function open(faults: Partial<NetworkFaults> = {}, seed = 2) {
  const scheduler = new Scheduler(new Random(1), new EventLog({ isKept: false }))
  const process = (name: string) => new Process({ name, random: new Random(1), scheduler, clockOffsetMs: 0 })
  const network = new Network({ scheduler, random: new Random(seed), faults: { ...NO_FAULTS, ...faults }, tally: new Tally() })
  const served: string[] = []
  const signals: AbortSignal[] = []
  const server = process('server')
  const handler = async (request: Request): Promise<Response> => {
    signals.push(request.signal)
    const contentType = request.headers.get('content-type') ?? ''
    try {
      served.push(await request.text())
    } catch (error) {
      served.push((error as Error).message)
    }
    if (contentType === SILENT) return new Promise(() => undefined)
    const parts = [1, 2, 3].map((part) => Uint8Array.of(part))
    const body = new ReadableStream({
      pull: (controller) => {
        const part = parts.shift()
        if (part === undefined) controller.close()
        else controller.enqueue(part)
      },
    })
    return new Response(body, { headers: { 'content-type': contentType } })
  }
  const node: { name: string; life: ServerNode['life'] } = { name: 'server', life: { process: server, handler } }
  const client = process('client')
  const fetch = network.fetchOf(client, [node])
  const call = async (contentType = UNARY, timeoutMs = 1000): Promise<number[]> => {
    const controller = new AbortController()
    const stop = client.timers.start(() => controller.abort(new Error('no answer in time')), timeoutMs)
    const headers = { 'content-type': contentType }
    const body = new TextEncoder().encode('asked')
    const response = await fetch('https://x/y/Call', { method: 'POST', headers, body, signal: controller.signal })
    const bytes = new Uint8Array(await response.arrayBuffer())
    stop()
    return response.ok ? [...bytes] : [response.status]
  }
  const settled = async <T>(promise: Promise<T>): Promise<T | string> => {
    let outcome: T | string | undefined
    promise.then(
      (value) => (outcome = value),
      (error: unknown) => (outcome = error instanceof Error ? error.message : String(error)),
    )
    await scheduler.run(() => outcome !== undefined, 10_000)
    return outcome ?? 'nothing'
  }
  return { scheduler, network, served, signals, server, node, call, settled }
}

describe('a network', () => {
  test.each([UNARY, STREAM])('carries a request and its answer, %s', async (contentType) => {
    const { call, settled, served, scheduler } = open()
    expect(await settled(call(contentType))).toEqual([1, 2, 3])
    expect(served).toEqual(['asked'])
    expect(scheduler.nowMs).toBeGreaterThan(0)
  })

  test('loses requests before they have any effect', async () => {
    for (let i = 0; i < 10; i++) {
      const { call, settled, served } = open({ requestLost: 1 })
      expect(await settled(call())).toMatch(/fetch failed|no answer in time/)
      expect(served).toEqual([])
    }
  })

  test.each([UNARY, STREAM])('loses answers after the effect, %s', async (contentType) => {
    const { call, settled, served } = open({ replyLost: 1 })
    expect(await settled(call(contentType))).toMatch(/fetch failed|no answer in time/)
    expect(served).toEqual(['asked'])
  })

  test('delivers twice', async () => {
    const { call, settled, served, scheduler } = open({ duplicate: 1 })
    expect(await settled(call())).toEqual([1, 2, 3])
    await scheduler.run(() => false, 100)
    expect(served).toEqual(['asked', 'asked'])
  })

  test('lets requests have their effect after their caller has given up', async () => {
    const { call, settled, served, scheduler } = open({ latency: { ...NO_FAULTS.latency, lateShare: 1, lateMs: 100_000 } })
    expect(await settled(call())).toContain('no answer in time')
    expect(served).toEqual([])
    await scheduler.run(() => false, 100)
    expect(served).toEqual(['asked'])
  })

  test('lets nothing through a partition, until it ends', async () => {
    const { call, settled, served, network } = open()
    network.cut('server', 'client', true)
    expect(await settled(call())).toContain('no answer in time')
    expect(served).toEqual([])
    network.cut('server', 'client', false)
    expect(await settled(call())).toEqual([1, 2, 3])
  })

  test('tells callers of a server that is down or dies', async () => {
    const { call, settled, node, server } = open()
    const asked = call()
    server.die()
    node.life = undefined
    expect(await settled(asked)).toMatch(/fetch failed|no answer in time/)
    expect(await settled(call())).toMatch(/fetch failed|no answer in time/)
  })

  test('tells a server that has not answered of a caller who has gone', async () => {
    const { call, settled, scheduler, signals } = open()
    expect(await settled(call(SILENT))).toContain('no answer in time')
    await scheduler.run(() => false, 100)
    expect(signals.map(({ aborted }) => aborted)).toEqual([true])
  })

  test('lets bodies arrive bit by bit, cut off, and not to their end', async () => {
    const parts = open({ bodyInParts: 1 })
    expect(await parts.settled(parts.call())).toEqual([1, 2, 3])
    expect(parts.served).toEqual(['asked'])
    const cutOff = open({ bodyCutOff: 1 })
    await cutOff.settled(cutOff.call())
    await cutOff.scheduler.run(() => false, 100)
    expect(cutOff.served).toEqual(['terminated'])
    const stalled = open({ bodyStalled: 1 })
    expect(await stalled.settled(stalled.call())).toContain('no answer in time')
    expect(stalled.served).toEqual([])
  })

  test('lets a proxy answer, before the effect and after', async () => {
    const statuses = new Map<number, number>()
    for (let i = 0; i < 10; i++) {
      const { call, settled, served } = open({ proxyAnswers: 1 }, i)
      const [status] = (await settled(call())) as number[]
      statuses.set(status as number, served.length)
    }
    expect([...statuses.keys()].every((status) => status >= 429)).toBe(true)
    expect(new Set(statuses.values())).toEqual(new Set([0, 1]))
  })
})
