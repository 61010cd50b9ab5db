import type { Lsn } from '@graft-ts/volume'
import { describe, expect, test } from 'vitest'
import { type HeadBounds, narrow, nextProbes } from '../src/head-search.ts'

/** Looks for a head that may move between rounds: `headAt` tells where it is while a round is under way. */
function search(start: number, headAt: (round: number) => number): { head: number; rounds: number } {
  let bounds: HeadBounds = { present: start as Lsn, absent: undefined }
  let gallops = 0
  let rounds = 0
  while (bounds.absent !== bounds.present + 1) {
    const probes = nextProbes(bounds, gallops)
    if (bounds.absent === undefined) gallops++
    expect(probes.length).toBeLessThanOrEqual(23)
    for (const probe of probes) expect(probe > bounds.present && probe < (bounds.absent ?? Number.POSITIVE_INFINITY)).toBe(true)
    const head = headAt(rounds++)
    bounds = narrow(bounds, new Map(probes.map((probe) => [probe, probe <= head])))
  }
  return { head: bounds.present, rounds }
}

describe('the search for the head', () => {
  test('finds it within three rounds of a start that is up to a thousand commits old', () => {
    for (const start of [0, 1, 63, 1_000_000]) {
      for (let age = 0; age <= 1023; age++) {
        const { head, rounds } = search(start, () => start + age)
        expect(head).toBe(start + age)
        expect([age, Math.max(3, rounds)]).toEqual([age, 3])
      }
    }
  })

  test('finds it from nowhere, however far', () => {
    for (let exponent = 0; exponent < 53; exponent++) {
      for (const head of [2 ** exponent - 1, 2 ** exponent, 2 ** exponent + 1]) {
        const found = search(0, () => head)
        expect(found.head).toBe(head)
        expect(found.rounds).toBeLessThanOrEqual(3 + exponent / 3)
      }
    }
  })

  test('ends at a commit that was the head when the last round began, or later, while others commit', () => {
    for (let age = 0; age <= 2000; age += 13) {
      const headAt = (round: number) => 500 + age + 40 * Math.min(round, 6)
      const { head, rounds } = search(500, headAt)
      expect(head).toBeLessThanOrEqual(headAt(rounds))
      expect(head).toBeGreaterThanOrEqual(500 + age)
    }
  })
})

test('a record found above one that was found absent was made meanwhile: the search goes on above it', () => {
  const found = new Map([
    [11 as Lsn, false],
    [12 as Lsn, true],
    [14 as Lsn, false],
  ])
  expect(narrow({ present: 10 as Lsn, absent: undefined }, found)).toEqual({ present: 12, absent: undefined })
})
