import { RemoteError, type SignedSegmentRef } from '@graft-ts/protocol'
import { describe, expect, test } from 'vitest'
import type { Volume } from '../../src/index.ts'
import { openWorld, outcomeOf, PAGE_SIZE, page, stampOf, type World } from '../harness.ts'

// More than a commit takes inline.
const LARGE = 100

/** Writes pages in one transaction; `cutTo` cuts off first. */
const writeRange = (volume: Volume, from: number, count: number, cutTo?: number) =>
  volume.transact((tx) => {
    if (cutTo !== undefined) tx.setPageCount(cutTo)
    for (let index = from; index < from + count; index++) tx.write(index, page(index))
  })

const count = (calls: readonly string[], name: string): number => calls.filter((call) => call === name).length

/** The refs of each commit that is sent. */
function refsSent(world: World): SignedSegmentRef[][] {
  const sent: SignedSegmentRef[][] = []
  const meta = world.transport.meta as unknown as { unary: (...args: unknown[]) => Promise<unknown> }
  const { unary } = meta
  meta.unary = (...args) => {
    if ((args[0] as { name: string }).name === 'Commit') sent.push((args[4] as { refs: SignedSegmentRef[] }).refs)
    return unary(...args)
  }
  return sent
}

describe('an upload', () => {
  test('stops the others when it fails, and what they brought is not sent again', async () => {
    const world = openWorld({ pages: { writePagesMax: 10 } })
    const volume = await (await world.open({ attemptsMax: 1 })).client.createVolume({ pageSize: PAGE_SIZE })
    await writeRange(volume, 1, LARGE)
    let writes = 0
    world.after = async (method) => {
      if (method === 'WritePages' && ++writes === 1) throw new RemoteError('denied', 'DENIED', 'no')
    }
    expect(await outcomeOf(volume.push())).toBe('denied DENIED')
    const before = count(world.calls, 'WritePages')
    expect(before).toBeLessThan(LARGE / 10)
    world.after = async () => undefined
    expect(await volume.push()).toMatchObject({ type: 'pushed', snapshot: { pageCount: LARGE } })
    expect(count(world.calls, 'WritePages')).toBeLessThanOrEqual(LARGE / 10 + before)
  })

  test('is cut to the bytes that a request may have, whatever its pages', async () => {
    const requestBytesMax = 64 * 1024 + 8 * PAGE_SIZE
    const world = openWorld({ pages: { requestBytesMax } })
    const volume = await (await world.open()).client.createVolume({ pageSize: PAGE_SIZE })
    await writeRange(volume, 1, LARGE)
    await volume.push()
    expect(count(world.calls, 'WritePages')).toBe(Math.ceil(LARGE / 8))
    const copy = await (await world.open()).client.openVolume(volume.volumeId)
    const snapshot = copy.snapshot()
    for (const index of [1, 8, 9, LARGE]) expect(stampOf(await snapshot.read(index))).toBe(index)
  })

  test.each([
    ['wrote anew', (volume: Volume) => writeRange(volume, 1, LARGE)],
    ['cut off', (volume: Volume) => writeRange(volume, 1, LARGE, 0)],
  ])('that a later transaction %s is not named by the commit', async (_what, overwrite) => {
    const world = openWorld()
    const sent = refsSent(world)
    const volume = await (await world.open({ attemptsMax: 1 })).client.createVolume({ pageSize: PAGE_SIZE })
    await writeRange(volume, 1, LARGE)
    world.before = async (method) => {
      if (method === 'Commit') throw new RemoteError('denied', 'DENIED', 'no')
    }
    expect(await outcomeOf(volume.push())).toBe('denied DENIED')
    world.before = async () => undefined
    await overwrite(volume)
    await volume.push()
    expect(sent.map((refs) => refs.length)).toEqual([1, 1])
  })
})

test('transactions go together as long as what is left of them fits: what was cut off needs no room', async () => {
  const world = openWorld({ meta: { pagesMax: 8 } })
  const volume = await (await world.open()).client.createVolume({ pageSize: PAGE_SIZE })
  await writeRange(volume, 1, 6)
  await writeRange(volume, 11, 6, 0)
  expect(await volume.push()).toMatchObject({ snapshot: { lsn: 1 }, transactions: 2 })
  await writeRange(volume, 1, 6)
  await writeRange(volume, 21, 6)
  expect(await volume.push()).toMatchObject({ snapshot: { lsn: 3 }, transactions: 2 })
})
