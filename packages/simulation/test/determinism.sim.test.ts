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
