import { describe, expect, test } from 'vitest'
import { SharedRefresh } from '../src/shared-refresh.ts'

/** A question that is answered by hand, with the number of its asking. */
function byHand() {
  const asked: { answer(): void; fail(): void }[] = []
  const refresh = new SharedRefresh(() => {
    const number = asked.length + 1
    return new Promise<number>((resolve, reject) => {
      asked.push({ answer: () => resolve(number), fail: () => reject(new Error(`asking ${number}`)) })
    })
  })
  return { refresh, asked }
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve))

describe('a shared refresh', () => {
  test('never gives an answer that was asked for before the call: who comes meanwhile waits for the next', async () => {
    const { refresh, asked } = byHand()
    const first = refresh.get()
    const [second, third] = [refresh.get(), refresh.get()]
    expect(asked).toHaveLength(1)
    asked[0]?.answer()
    expect(await first).toBe(1)
    await settled()
    expect(asked).toHaveLength(2)
    const fourth = refresh.get()
    asked[1]?.answer()
    expect(await Promise.all([second, third])).toEqual([2, 2])
    await settled()
    asked[2]?.answer()
    expect(await fourth).toBe(3)
  })

  test('a call after the answer asks anew', async () => {
    const { refresh, asked } = byHand()
    const first = refresh.get()
    asked[0]?.answer()
    await first
    const second = refresh.get()
    asked[1]?.answer()
    expect(await second).toBe(2)
  })

  test('a failure is that of its own askers only', async () => {
    const { refresh, asked } = byHand()
    const first = refresh.get()
    const second = refresh.get()
    asked[0]?.fail()
    await expect(first).rejects.toThrow('asking 1')
    await settled()
    asked[1]?.answer()
    expect(await second).toBe(2)
  })
})
