import type { Carrier } from '@graft-ts/protocol'
import { describe, expect, test } from 'vitest'
import { EventLog } from '../src/event-log.ts'
import { Network, type NetworkFaults, type ServerNode } from '../src/network.ts'
import { Process } from '../src/process.ts'
import { Random } from '../src/random.ts'
import { Scheduler } from '../src/scheduler.ts'
import { Tally } from '../src/tally.ts'

const NO_FAULTS: NetworkFaults = {
  latency: { usualMs: 10, slowShare: 0, lateShare: 0, lateMs: 0 },
  requestLost: 0,
  replyLost: 0,
  duplicate: 0,
  timeoutMs: 1000,
}

/** One server that counts what it is asked, and answers in three parts. */
function open(faults: Partial<NetworkFaults> = {}) {
  const scheduler = new Scheduler(new Random(1), new EventLog({ isKept: false }))
  const process = (name: string) => new Process({ name, random: new Random(1), scheduler, clockOffsetMs: 0 })
  const network = new Network({ scheduler, random: new Random(2), faults: { ...NO_FAULTS, ...faults }, tally: new Tally() })
  const served: string[] = []
  const server = process('server')
  const carrier: Carrier = async ({ body }) => {
    for await (const chunk of body ?? []) served.push(new TextDecoder().decode(chunk))
    const parts = (async function* () {
      for (const part of [1, 2, 3]) yield Uint8Array.of(part)
    })()
    return { status: 200, header: new Headers(), body: parts, trailer: new Headers() }
  }
  const node: { name: string; life: ServerNode['life'] } = { name: 'server', life: { process: server, carrier } }
  const client = process('client')
  const call = async (contentType = 'application/proto', signal?: AbortSignal): Promise<number[]> => {
    const response = await network.carrier(client, [node])({
      url: 'https://x/y/Call',
      method: 'POST',
      header: new Headers({ 'content-type': contentType }),
      body: (async function* () {
        yield new TextEncoder().encode('asked')
      })(),
      ...(signal !== undefined && { signal }),
    })
    const bytes: number[] = []
    for await (const chunk of response.body) bytes.push(...chunk)
    return bytes
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
  return { scheduler, network, served, server, client, node, call, settled }
}

describe('a network', () => {
  test.each(['application/proto', 'application/connect+proto'])('carries a request and its answer, %s', async (contentType) => {
    const { call, settled, served, scheduler } = open()
    expect(await settled(call(contentType))).toEqual([1, 2, 3])
    expect(served).toEqual(['asked'])
    expect(scheduler.nowMs).toBeGreaterThan(0)
  })

  test('loses requests before they have any effect', async () => {
    for (let i = 0; i < 10; i++) {
      const { call, settled, served } = open({ requestLost: 1 })
      expect(await settled(call())).toMatch(/lost|no answer in time/)
      expect(served).toEqual([])
    }
  })

  test.each(['application/proto', 'application/connect+proto'])('loses answers after the effect, %s', async (contentType) => {
    const { call, settled, served } = open({ replyLost: 1 })
    expect(await settled(call(contentType))).toMatch(/lost|no answer in time/)
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
    expect(await settled(asked)).toMatch(/lost|no answer in time/)
    expect(await settled(call())).toMatch(/lost|no answer in time/)
  })

  test('ends a call that its caller ends', async () => {
    const { call, settled } = open()
    const controller = new AbortController()
    const asked = call('application/proto', controller.signal)
    controller.abort(new Error('enough'))
    expect(await settled(asked)).toBe('enough')
  })
})
