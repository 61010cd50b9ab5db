import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { simulate } from '../src/simulation.ts'

test('two runs of a seed are the same, event by event', async () => {
  for (const seed of [1, 2, 3]) {
    const first = await simulate(seed, { isLogged: true })
    const second = await simulate(seed, { isLogged: true })
    expect(second.lines).toEqual(first.lines)
    expect(second.digest).toBe(first.digest)
    expect(second.tally.entries()).toEqual(first.tally.entries())
    expect(first.lines.length).toBe(first.events)
  }
})

test('two seeds are two runs', async () => {
  const [first, second] = [await simulate(1), await simulate(2)]
  expect(second.digest).not.toBe(first.digest)
})

test('a run leaves nothing behind', { timeout: 120_000 }, async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const heapBytes = async (seeds: readonly number[]): Promise<number> => {
    for (const seed of seeds) await simulate(seed)
    // What is to be told of what was collected is told between two turns.
    for (let i = 0; i < 3; i++) {
      collect()
      await new Promise((resolve) => setImmediate(resolve))
    }
    return process.memoryUsage().heapUsed
  }
  const before = await heapBytes([1])
  expect((await heapBytes([2, 3, 4])) - before).toBeLessThan(6 * 2 ** 20)
})
