import { describe, expect, test } from 'vitest'
import { Budget } from '../src/budget.ts'

function budget(max: number, waitingMax = 100): Budget {
  return new Budget({ max, waitingMax, retryAfterMs: 250 })
}

/** Lets every promise that can settle do so. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve()
}

describe('Budget', () => {
  test('admits up to its amount, then in the order of arrival', async () => {
    const limited = budget(10)
    const order: string[] = []
    const first = await limited.acquire(10)
    const second = limited.acquire(8).then((release) => {
      order.push('second')
      return release
    })
    // It would fit beside nothing but the second one, and does not overtake it.
    const third = limited.acquire(1).then(() => order.push('third'))
    await settle()
    expect(order).toEqual([])
    first()
    await second
    await third
    expect(order).toEqual(['second', 'third'])
    expect([limited.used, limited.waiting]).toEqual([9, 0])
  })

  test('something larger than the whole budget goes alone', async () => {
    const limited = budget(10)
    const release = await limited.acquire(25)
    let isAdmitted = false
    void limited.acquire(1).then(() => {
      isAdmitted = true
    })
    await settle()
    expect(isAdmitted).toBe(false)
    release()
    await settle()
    expect(isAdmitted).toBe(true)
  })

  test('refuses what would wait beyond its limit, with a hint when to come back', async () => {
    const limited = budget(10, 5)
    await limited.acquire(10)
    void limited.acquire(5)
    await expect(limited.acquire(1)).rejects.toMatchObject({ kind: 'exhausted', code: 'PAGESTORE_BUSY', retryAfterMs: 250 })
  })

  test('giving back twice counts once', async () => {
    const limited = budget(10)
    const release = await limited.acquire(4)
    await limited.acquire(4)
    release()
    release()
    expect(limited.used).toBe(4)
  })

  test('a waiter that is aborted leaves the queue and lets the next one in', async () => {
    const limited = budget(10)
    await limited.acquire(5)
    const controller = new AbortController()
    const aborted = limited.acquire(10, controller.signal)
    let isAdmitted = false
    void limited.acquire(5).then(() => {
      isAdmitted = true
    })
    await settle()
    expect(isAdmitted).toBe(false)
    controller.abort()
    await expect(aborted).rejects.toMatchObject({ kind: 'aborted', code: 'REQUEST_ABORTED' })
    await settle()
    expect(isAdmitted).toBe(true)
    expect(limited.waiting).toBe(0)
    await expect(limited.acquire(1, controller.signal)).rejects.toMatchObject({ kind: 'aborted' })
  })
})
