import { describe, expect, test } from 'vitest'
import { Turns } from '../src/turns.ts'
import { headStamps, openWorld, outcomeOf, page, pushedVolume, settle, stampOf } from './harness.ts'

const never = new AbortController().signal

describe('turns', () => {
  test('come one after the other, in the order in which they were asked for', async () => {
    const turns = new Turns()
    const calls = [turns.begin(), turns.begin(), turns.begin()]
    const told: string[] = []
    const taking = calls.map(async (call) => {
      const end = await turns.take(call, never)
      told.push(`${call} begins`)
      await settle()
      told.push(`${call} ends`)
      end()
    })
    await Promise.all(taking)
    expect(told).toEqual(['1 begins', '1 ends', '2 begins', '2 ends', '3 begins', '3 ends'])
  })

  test('are waited for by no call that has begun since: it may have been called by the one whose turn it is', async () => {
    const turns = new Turns()
    const end = await turns.take(turns.begin(), never)
    const endOfInner = await turns.take(turns.begin(), never)
    endOfInner()
    end()
    expect(await turns.take(turns.begin(), never)).toBeTypeOf('function')
  })

  test('are waited for no longer than a signal says', async () => {
    const turns = new Turns()
    const [first, second, third] = [turns.begin(), turns.begin(), turns.begin()]
    const end = await turns.take(first, never)
    const stop = new AbortController()
    const waiting = outcomeOf(turns.take(second, stop.signal))
    const after = turns.take(third, never)
    stop.abort()
    expect(await waiting).toBe('aborted ABORTED')
    end()
    ;(await after)()
  })
})

describe('transactions that get in each other’s way', () => {
  test('all get through, however many there are, and do not run each time that another one does', async () => {
    const CALLS = 100
    const volume = await pushedVolume((await openWorld().open()).client, { 1: 0 })
    let runs = 0
    const calls = Array.from({ length: CALLS }, () =>
      volume.transact(async (tx) => {
        runs++
        tx.write(1, page(stampOf(await tx.read(1)) + 1))
      }),
    )
    await Promise.all(calls)
    expect(await headStamps(volume)).toEqual([CALLS])
    expect(runs).toBeLessThan(CALLS * 10)
  })

  test('do not wait for each other where one calls the others', async () => {
    const volume = await pushedVolume((await openWorld().open()).client, { 1: 0, 2: 0 })
    const increment = (pageIndex: number, before: () => Promise<unknown> = async () => undefined): Promise<unknown> =>
      volume.transact(async (tx) => {
        const stamp = stampOf(await tx.read(pageIndex))
        await before()
        tx.write(pageIndex, page(stamp + 1))
      })
    // Each outer one loses against all others, and so do those that it calls.
    const inner = () => Promise.all(Array.from({ length: 12 }, () => increment(2)))
    const outer = Array.from({ length: 12 }, () => outcomeOf(increment(1, inner)))
    const outcomes = new Set(await Promise.all(outer))
    expect([...outcomes].every((outcome) => outcome === 'ok' || outcome === 'conflict TRANSACTION_CONFLICT')).toBe(true)
    expect(outcomes).toContain('ok')
  })

  test('keep the others waiting for no longer than they may wait themselves', async () => {
    const { client } = await openWorld().open()
    const volume = await pushedVolume(client, { 1: 0 })
    const stop = new AbortController()
    let runs = 0
    const slow = outcomeOf(
      volume
        .transact(async (tx) => {
          const stamp = stampOf(await tx.read(1))
          // Loses until it is its turn, and does not come to an end then.
          if (++runs <= 8) await volume.transact((other) => other.write(1, page(stamp + 1)))
          else await new Promise((_, reject) => stop.signal.addEventListener('abort', () => reject(stop.signal.reason)))
          tx.write(1, page(stamp + 1))
        })
        .catch(() => undefined),
    )
    while (runs < 9) await settle()
    expect(await outcomeOf(volume.transact(async (tx) => tx.write(1, page(stampOf(await tx.read(1)) + 1))))).toBe('ok')
    expect(await headStamps(volume)).toEqual([9])
    stop.abort()
    expect(await slow).toBe('ok')
    await client.close()
  })
})
