import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Volume } from '../src/index.ts'
import { headStamps, ManualTimers, openWorld, page, pushedVolume, stampOf, type World, write } from './harness.ts'
import { propertyParameters, propertyTimeoutMs } from './parameters.ts'

const CLIENTS = 8

/** Eight clients of one volume. */
async function eight(world: World, options: (index: number) => Parameters<World['open']>[0] = () => ({})) {
  const first = await pushedVolume((await world.open()).client, { 1: 0 })
  const volumes: Volume[] = []
  for (let i = 0; i < CLIENTS; i++) volumes.push(await (await world.open(options(i))).client.openVolume(first.volumeId))
  return { first, volumes }
}

/** How many commits each client makes, and how often it pushes what it has. */
const workloads = fc.array(fc.record({ client: fc.integer({ min: 0, max: CLIENTS - 1 }), isPushed: fc.boolean() }), {
  minLength: CLIENTS,
  maxLength: 24,
  size: 'max',
})
const runs = { ...propertyParameters, numRuns: Math.ceil(propertyParameters.numRuns / 10) }

describe('eight clients that write pages of their own in one volume', () => {
  test(
    'all make progress with every push, in whatever order calls end, and upload nothing twice',
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.scheduler(), workloads, async (scheduler, steps) => {
          const world = openWorld({ meta: { inlineBytesMax: 0 } })
          const { first, volumes } = await eight(world)
          const turn = (label: string): Promise<void> => scheduler.schedule(Promise.resolve(), label)
          world.calls.length = 0
          world.before = (method) => turn(`ask ${method}`)
          world.after = (method) => turn(`answer ${method}`)
          const expected = new Array<number>(CLIENTS).fill(0)
          // Each client makes its steps one after the other; clients do so side by side.
          const work = volumes.map(async (volume, i) => {
            for (const { isPushed } of steps.filter(({ client }) => client === i)) {
              const next = (expected[i] as number) + 1
              expected[i] = next
              await write(volume, { [i + 1]: next })
              if (isPushed) expect(await volume.push()).toMatchObject({ type: 'pushed', replayed: 0, merged: 0 })
            }
            await volume.push()
          })
          await scheduler.waitFor(Promise.all(work))
          world.before = world.after = async () => undefined
          await scheduler.waitIdle()
          await first.pull()
          const pages = await headStamps(first, CLIENTS)
          expect(pages).toEqual(expected)
          const uploads = world.calls.filter((name) => name === 'WritePages').length
          // One for each commit that got into the log, however many conflicts there were on the way.
          expect(uploads).toBe(first.status().base.lsn - 1)
        }),
        runs,
      )
    },
    propertyTimeoutMs,
  )

  test('are done soon after the log could have taken their commits one after the other', async () => {
    const ROUND_TRIP_MS = 50
    const PUSHES = 5
    const timers = new ManualTimers()
    const world = openWorld({ timers })
    const idSource = { nowMs: () => Math.floor(timers.nowMs), randomBytes: world.ids.randomBytes }
    const { first, volumes } = await eight(world, () => ({ timers, idSource }))
    const halfWay = (): Promise<void> => new Promise((resolve) => timers.start(resolve, ROUND_TRIP_MS / 2))
    world.before = world.after = halfWay
    let conflicts = 0
    const work = volumes.map(async (volume, i) => {
      for (let stamp = 1; stamp <= PUSHES; stamp++) {
        await write(volume, { [i + 1]: stamp })
        const result = await volume.push()
        if (result.type === 'pushed') conflicts += result.conflicts
      }
    })
    let isDone = false
    const done = Promise.all(work).then(() => (isDone = true))
    while (!isDone && timers.nowMs < 600_000) await timers.advance(10)
    await done
    world.before = world.after = async () => undefined
    await first.pull()
    expect(await headStamps(first, CLIENTS)).toEqual(new Array(CLIENTS).fill(PUSHES))
    const leastMs = CLIENTS * PUSHES * ROUND_TRIP_MS
    expect({ isSoon: timers.nowMs < 6 * leastMs, tookMs: timers.nowMs }).toMatchObject({ isSoon: true })
    // Who does not wait at all asks for nothing: each commit beats seven others.
    expect(conflicts).toBeLessThan(3 * CLIENTS * PUSHES)
  })

  test(
    'and sync by themselves are all of one mind in the end',
    async () => {
      await fc.assert(
        fc.asyncProperty(workloads, fc.infiniteStream(fc.nat({ max: 400 })), async (steps, pauses) => {
          const timers = new ManualTimers()
          const world = openWorld({ timers, watch: { heartbeatMs: 1000 } })
          const { first, volumes } = await eight(world, () => ({ timers, sync: {} }))
          const expected = new Array<number>(CLIENTS).fill(0)
          let shared = 0
          for (const { client, isPushed } of steps) {
            const volume = volumes[client] as Volume
            const next = (expected[client] as number) + 1
            expected[client] = next
            await write(volume, { [client + 1]: next })
            if (isPushed) {
              shared++
              await volume.transact(async (tx) => tx.write(CLIENTS + 1, page(stampOf(await tx.read(CLIENTS + 1)) + 1)))
            }
            await timers.advance(pauses.next().value as number)
          }
          // Enough for the back-off of those who lost several times.
          for (let waits = 0; waits < 200 && !volumes.every((volume) => volume.status().sync === 'synced'); waits++)
            await timers.advance(1000)
          await first.pull()
          const head = first.status().base.lsn
          expect(await headStamps(first, CLIENTS + 1)).toEqual([...expected, shared])
          await timers.advance(2000)
          for (const volume of volumes) {
            expect(volume.status()).toMatchObject({ sync: 'synced', base: { lsn: head }, lastError: undefined })
            expect(await headStamps(volume, CLIENTS + 1)).toEqual([...expected, shared])
          }
        }),
        runs,
      )
    },
    propertyTimeoutMs,
  )
})
