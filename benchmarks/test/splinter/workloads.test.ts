import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { setsOf, thousandPageSets, WORKLOADS, workloads } from '../../splinter/workloads.ts'

const all = workloads()

function digest(arrays: readonly Uint32Array[]): string {
  const hash = createHash('sha256')
  for (const { buffer, byteOffset, byteLength } of arrays) hash.update(new Uint8Array(buffer, byteOffset, byteLength))
  return hash.digest('hex').slice(0, 16)
}

/** How many values do not follow the one before them. */
const clustersOf = (values: Uint32Array): number => values.filter((value, i) => i === 0 || values[i - 1] !== value - 1).length

describe.each(all)('$name', ({ name, family, sets, probes }) => {
  test('the sets ascend without repetitions', () => {
    for (const set of sets) expect(set.findIndex((value, i) => i > 0 && set[i - 1]! >= value)).toBe(-1)
  })

  test('65,536 probes or more are asked, each once: as many members as others, in no order', () => {
    let asked = 0
    for (const [i, set] of sets.entries()) {
      const members = new Set(set)
      const own = probes[i]!
      expect(new Set(own).size).toBe(own.length)
      expect(own.filter((value) => members.has(value)).length).toBe(own.length / 2)
      const steps = own.filter((value, k) => k > 0 && own[k - 1]! < value).length
      if (own.length >= 100) expect(steps / own.length).toBeGreaterThan(0.3)
      if (own.length >= 100) expect(steps / own.length).toBeLessThan(0.7)
      asked += own.length
    }
    expect(probes.length).toBe(sets.length)
    expect(asked).toBeGreaterThanOrEqual(65_536)
  })

  test('many of the others have a member within 64 below them; of scattered sets, some have not', () => {
    let others = 0
    let near = 0
    for (const [i, set] of sets.entries()) {
      let before = 0
      for (const value of probes[i]!.toSorted()) {
        while (before < set.length && set[before]! <= value) before++
        if (before > 0 && set[before - 1] === value) continue
        others++
        if (before > 0 && value - set[before - 1]! <= 64) near++
      }
    }
    expect(near / others).toBeGreaterThan(0.2)
    if (family !== 'dense') expect(near / others).toBeLessThan(0.75)
  })

  test('the sets alone are the same ones', () => {
    expect(digest(setsOf(WORKLOADS.findIndex((info) => info.name === name)))).toBe(digest(sets))
  })
})

test('every run has the same sets and probes', () => {
  expect(
    Object.fromEntries(all.map(({ name, sets, probes }) => [name, `${digest(sets)} ${digest(probes)}`])),
  ).toMatchInlineSnapshot(`
    {
      "10 pages": "8f2b129760548824 7cf6c27f7380eab8",
      "1024 sparse": "d54aceeb200178d0 c13004bc60acd57d",
      "200 pages": "1d40df50225a2838 b47fc2224061cf06",
      "32 sparse": "95cf62e3ccc175e1 7fe3b7e818e7d4ef",
      "50 pages": "8380b910447067fe cb1d5987152a11cf",
      "500 pages": "f0bcf2a418288c08 30a6bfaf9db6b380",
      "500 runs": "158068ffe6071faf 496ee52975def712",
      "65536 sparse": "503acf0f56e196a3 1220bb616901651e",
      "bitmaps, 3 of 10 below 262,144": "f4c2254d7227286b ee441bcb30f647b6",
      "dense, 9 of 10 below 131,072": "5ff9b4fafa844e41 fc63783807539583",
    }
  `)
  expect(digest(thousandPageSets())).toMatchInlineSnapshot(`"6bd6a03959fb3c61"`)
})

describe('page sets are made as B-tree writes make them', () => {
  const pages = all.filter(({ family }) => family === 'pages')

  test.each(pages)('$name: of exactly that size, from 1 to 250,000, in clusters', ({ name, sets }) => {
    const size = Number.parseInt(name, 10)
    let members = 0
    let clusters = 0
    for (const set of sets) {
      expect(set.length).toBe(size)
      expect(set[0]).toBeGreaterThanOrEqual(1)
      expect(set.at(-1)).toBeLessThanOrEqual(250_000)
      members += set.length
      clusters += clustersOf(set)
    }
    // About two pages side by side, and clusters with gaps: neither single pages nor a few long runs.
    expect(members / clusters).toBeGreaterThan(1.5)
    expect(members / clusters).toBeLessThan(4)
  })

  test('they are anywhere', () => {
    const starts = pages.flatMap(({ sets }) => sets.map((set) => set[set.length >> 1]!))
    for (const quarter of [0, 1, 2, 3]) {
      const share = starts.filter((start) => Math.floor((start - 1) / 62_500) === quarter).length / starts.length
      expect(share).toBeGreaterThan(0.02)
    }
  })

  test('a thousand of them have 10 to 500 pages', () => {
    const sizes = thousandPageSets().map(({ length }) => length)
    expect(sizes.length).toBe(1000)
    expect(Math.min(...sizes)).toBeGreaterThanOrEqual(10)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(500)
    expect(new Set(sizes).size).toBeGreaterThan(300)
  })
})

describe('the other families', () => {
  test.each(all.filter(({ family }) => family === 'sparse'))('$name: spread over all of 32 bits', ({ name, sets }) => {
    const values = sets.flatMap((set) => [...set])
    for (const set of sets) expect(set.length).toBe(Number.parseInt(name, 10))
    for (const quarter of [0, 1, 2, 3]) {
      expect(values.filter((value) => Math.floor(value / 2 ** 30) === quarter).length / values.length).toBeCloseTo(0.25, 1)
    }
  })

  test.each([
    ['dense, 9 of 10 below 131,072', 131_072, 0.9],
    ['bitmaps, 3 of 10 below 262,144', 262_144, 0.3],
  ])('%s', (wanted, limit, share) => {
    for (const set of all.find(({ name }) => name === wanted)!.sets) {
      expect(set.at(-1)).toBeLessThan(limit)
      expect(set.length / limit).toBeCloseTo(share, 2)
    }
  })

  test('500 runs', () => {
    for (const set of all.find(({ name }) => name === '500 runs')!.sets) {
      expect(clustersOf(set)).toBe(500)
      expect(set.length / 500).toBeGreaterThan(150)
      expect(set.length / 500).toBeLessThan(250)
    }
  })
})
