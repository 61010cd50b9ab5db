import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Volume } from '../src/index.ts'
import { expectExactUsage, headStamps, openWorld, page, pushedVolume, stampOf, stamps } from './harness.ts'
import { propertyParameters, propertyTimeoutMs } from './parameters.ts'

const ACCOUNTS = [1, 2, 3, 4]
const COUNTER = 5
const TOTAL = 400

// Everything in memory or nothing; every page in the local store, some, or none that may go.
const bounds = fc.record({
  memoryCacheBytesMax: fc.constantFrom(2 ** 20, 1),
  localBytesMax: fc.constantFrom(2 ** 30, 2000, 1),
})

/** Moves one unit from one account to another, and counts itself. */
function transfer(volume: Volume, from: number, to: number): Promise<unknown> {
  return volume.transact(async (tx) => {
    const add = async (pageIndex: number, amount: number): Promise<void> =>
      tx.write(pageIndex, page(stampOf(await tx.read(pageIndex)) + amount))
    await add(from, -1)
    await add(to, 1)
    await add(COUNTER, 1)
  })
}

/** What one of the tasks that run side by side does. */
const tasks = fc.array(
  fc.record({
    client: fc.integer({ min: 0, max: 1 }),
    type: fc.constantFrom(
      'transfer' as const,
      'transfer' as const,
      'push' as const,
      'pull' as const,
      'audit' as const,
      'audit' as const,
    ),
    from: fc.constantFrom(...ACCOUNTS),
    to: fc.constantFrom(...ACCOUNTS),
  }),
  { minLength: 6, maxLength: 12, size: 'max' },
)

test(
  'I4, I7: in whatever order calls end, no snapshot mixes states, and no transaction is lost or done twice',
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), tasks, bounds, async (scheduler, steps, options) => {
        const world = openWorld()
        const [ours, theirs] = [await world.open(options), await world.open(options)]
        const first = await pushedVolume(ours.client, { 1: 100, 2: 100, 3: 100, 4: 100, [COUNTER]: 0 })
        const volumes = [first, await theirs.client.openVolume(first.volumeId)]
        const turn = (label: string): Promise<void> => scheduler.schedule(Promise.resolve(), label)
        world.before = (method) => turn(`ask ${method}`)
        world.after = (method) => turn(`answer ${method}`)
        ours.local.before = theirs.local.before = turn

        const audit = async (volume: Volume): Promise<void> => {
          const snapshot = volume.snapshot()
          const balances = await Promise.all(ACCOUNTS.map(async (account) => stampOf(await snapshot.read(account))))
          expect(balances.reduce((sum, balance) => sum + balance)).toBe(TOTAL)
          // Read again, after other tasks have had their turns.
          expect(await stamps(snapshot, ACCOUNTS.length)).toEqual(balances)
          snapshot.close()
        }
        const run = ({ client, type, from, to }: (typeof steps)[number]): Promise<unknown> => {
          const volume = volumes[client] as Volume
          if (type === 'transfer') return from === to ? Promise.resolve() : transfer(volume, from, to)
          if (type === 'audit') return audit(volume)
          return type === 'push' ? volume.push() : volume.pull()
        }
        await scheduler.waitFor(Promise.all(steps.map(run)))

        world.before = world.after = ours.local.before = theirs.local.before = async () => undefined
        // What still goes on in the background has taken its place in the line already.
        await scheduler.waitIdle()
        for (const volume of volumes) await volume.push()
        for (const volume of volumes) await volume.pull()
        const made = steps.filter(({ type, from, to }) => type === 'transfer' && from !== to)
        const balance = (account: number): number =>
          made.reduce((sum, { from, to }) => sum - (from === account ? 1 : 0) + (to === account ? 1 : 0), 100)
        for (const volume of volumes) expect(await headStamps(volume)).toEqual([...ACCOUNTS.map(balance), made.length])
        for (const { client, local } of [ours, theirs]) {
          await client.close()
          await expectExactUsage(local, client)
        }
      }),
      // Each run waits for hundreds of turns.
      { ...propertyParameters, numRuns: Math.ceil(propertyParameters.numRuns / 4) },
    )
  },
  propertyTimeoutMs,
)
