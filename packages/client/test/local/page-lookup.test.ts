import { type Lsn, newVolumeId } from '@graft-ts/volume'
import { expect, test } from 'vitest'
import { EndedIndex } from '../../src/local/ended-index.ts'
import { VolumeKeys } from '../../src/local/keys.ts'
import type { LocalDatabase } from '../../src/local/local-store.ts'
import { encodePage, encodePageEntry, type PageEntry } from '../../src/local/page-entry.ts'
import { PageLookup } from '../../src/local/page-lookup.ts'
import { countingIdSource, page, stampOf } from '../harness.ts'

const keys = new VolumeKeys(newVolumeId(countingIdSource()))
const lsn = (value: number): Lsn => value as Lsn

function open(records: Record<string, Uint8Array>) {
  const store = new Map(Object.entries(records))
  const ended = new EndedIndex()
  // What happens right before records are looked up.
  const hooks: (() => void)[] = []
  const getNow = (key: string): Uint8Array | undefined => {
    hooks.shift()?.()
    return store.get(key)
  }
  const getMany = async (wanted: readonly string[]): Promise<(Uint8Array | undefined)[]> => {
    hooks.shift()?.()
    return wanted.map((key) => store.get(key))
  }
  const lookup = new PageLookup({ getNow, getMany } as unknown as LocalDatabase, keys, ended)
  return { store, ended, hooks, lookup }
}

const entry = (from: number, to: number | undefined, content: PageEntry['content']): Uint8Array =>
  encodePageEntry({ from: lsn(from), to: to === undefined ? undefined : lsn(to), content })

/** Both ways in turn, on a store of its own each. */
async function bothWays(
  world: () => ReturnType<typeof open>,
  at: number,
  base: number,
): Promise<(readonly [from: number, to: number | undefined, stamp: number] | undefined)[]> {
  const now = world().lookup.findNow(1, lsn(at), lsn(base))
  const [later] = await world().lookup.find([1], lsn(at), lsn(base))
  return [now, later].map((found) => found && [found.from, found.to, found.bytes === undefined ? 0 : stampOf(found.bytes)])
}

test('I4: a page that ends between two looks is found as it was', async () => {
  const bytes = page(7)
  const world = (): ReturnType<typeof open> => {
    const here = open({ [keys.openEntry(1)]: entry(3, undefined, { type: 'bytes', bytes }) })
    here.hooks.push(() => {
      here.ended.add(1, { from: lsn(3), to: lsn(5), content: 'stored' })
      here.store.delete(keys.openEntry(1))
      here.store.set(keys.endedEntry(1, lsn(3)), entry(3, 5, { type: 'bytes', bytes }))
    })
    return here
  }
  expect(await bothWays(world, 4, 5)).toEqual([
    [3, 5, 7],
    [3, 5, 7],
  ])
})

test('I4: a page whose end is on its way to the store is found as it is', async () => {
  const world = (): ReturnType<typeof open> => {
    const here = open({ [keys.openEntry(1)]: entry(3, undefined, { type: 'bytes', bytes: page(7) }) })
    here.ended.add(1, { from: lsn(3), to: lsn(5), content: 'stored' })
    return here
  }
  expect(await bothWays(world, 4, 5)).toEqual([
    [3, undefined, 7],
    [3, undefined, 7],
  ])
})

test('I4: zeros, stored and own pages that have ended hold for their interval', async () => {
  const world = (content: 'zero' | 'stored' | number) => (): ReturnType<typeof open> => {
    const here = open({
      [keys.endedEntry(1, lsn(3))]: entry(3, 5, { type: 'bytes', bytes: page(7) }),
      [keys.localPage(9, 1)]: encodePage(page(8)),
    })
    here.ended.add(1, { from: lsn(3), to: lsn(5), content })
    return here
  }
  for (const [content, stamp] of [
    ['zero', 0],
    ['stored', 7],
    [9, 8],
  ] as const) {
    expect(await bothWays(world(content), 5, 6)).toEqual([
      [3, 5, stamp],
      [3, 5, stamp],
    ])
    expect(await bothWays(world(content), 6, 6)).toEqual([undefined, undefined])
  }
})

test('I4: what is open holds from the commit that wrote it up to the base, and says nothing of what is newer', async () => {
  const world = (): ReturnType<typeof open> =>
    open({ [keys.openEntry(1)]: entry(3, undefined, { type: 'bytes', bytes: page(7) }) })
  for (const [at, found] of [
    [2, undefined],
    [3, [3, undefined, 7]],
    [5, [3, undefined, 7]],
    [6, undefined],
  ] as const) {
    expect(await bothWays(world, at, 5), `at ${at}`).toEqual([found, found])
  }
})

test('I8: what is announced and gone is absent, and asking ends', async () => {
  const world = (): ReturnType<typeof open> => {
    const here = open({})
    here.ended.add(1, { from: lsn(3), to: lsn(5), content: 'stored' })
    here.ended.add(2, { from: lsn(3), to: lsn(5), content: 4 })
    return here
  }
  expect(await bothWays(world, 4, 5)).toEqual([undefined, undefined])
  expect(world().lookup.findNow(2, lsn(4), lsn(5))).toBeUndefined()
})
