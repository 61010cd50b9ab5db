import { describe, expect, test } from 'vitest'
import { headStamps, ManualTimers, openWorld, page, pushedVolume, stampOf, type World, write } from '../harness.ts'

const DAY_MS = 86_400_000

/** A server and two clients that sync by themselves, whose one clock jumps before a certain call, and some calls later, perhaps, back. */
async function exchange(jump: { readonly beforeCall: number; readonly backAfter: number | undefined }): Promise<number> {
  const timers = new ManualTimers()
  // The pages of large transactions are uploaded, and what was uploaded is good for an hour by the clock of the servers.
  const world: World = openWorld({ timers, meta: { inlineBytesMax: 512 }, watch: { heartbeatMs: 1000 } })
  const options = { timers, sync: {} }
  const { client } = await world.open(options)
  const mine = await pushedVolume(client, { 1: 1, 2: 2 })
  const other = await (await world.open(options)).client.openVolume(mine.volumeId)
  await timers.advance(2000)
  let calls = 0
  world.before = async () => {
    calls++
    if (calls === jump.beforeCall) world.ids.tick(DAY_MS)
    if (jump.backAfter !== undefined && calls === jump.beforeCall + jump.backAfter) world.ids.tick(-DAY_MS)
  }
  await write(mine, { 1: 11 })
  await write(other, { 3: 33, 4: 44, 5: 55 })
  await timers.advance(50)
  await other.transact(async (tx) => tx.write(2, page(stampOf(await tx.read(1)) + 100)))
  await write(mine, { 6: 66, 7: 77 })
  // Enough to be tried again a few times; nobody waits for what a clock said.
  await timers.advance(10_000)
  world.before = async () => undefined
  const expected = [11, 111, 33, 44, 55, 66, 77]
  for (const volume of [mine, other]) {
    expect(await headStamps(volume)).toEqual(expected)
    expect(volume.status()).toMatchObject({ sync: 'synced', live: 'watching', lastError: undefined })
    // Known again from the next heartbeat on, whatever was thought of it meanwhile.
    expect(volume.status().staleForMs).toBeLessThan(5000)
  }
  const fresh = await (await world.open()).client.openVolume(mine.volumeId)
  expect(await headStamps(fresh)).toEqual(expected)
  return calls
}

describe('a clock that jumps by a day, before any call', () => {
  test.each([undefined, 1, 4])(
    'and goes back after %s calls, stops nobody',
    async (backAfter) => {
      const calls = await exchange({ beforeCall: Number.POSITIVE_INFINITY, backAfter: undefined })
      for (let beforeCall = 1; beforeCall <= calls; beforeCall++) await exchange({ beforeCall, backAfter })
    },
    60_000,
  )
})
