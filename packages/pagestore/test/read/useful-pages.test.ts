import { Splinter } from '@graft-ts/splinter'
import { frameRange, idToBytes, storeKeys } from '@graft-ts/volume'
import { describe, expect, test } from 'vitest'
import { openHarness, outcomeOf, pagesOf, range, settle } from '../harness.ts'
import { withVolume } from './with-volume.ts'

describe('also useful pages', () => {
  test('come along, each once, and not those beyond the end', async () => {
    const { read, volumeId, lsn, pages } = await withVolume(200)
    const answer = await read(volumeId, lsn, [1], [1, 2, 150, 201, 4_000_000_000])
    expect([...answer.keys()].sort((a, b) => a - b)).toEqual([1, 2, 150])
    expect(answer.get(150)?.bytes).toEqual(pages.get(150))
  })

  test('are cut to their limit, and to what wanted pages leave of the bytes', async () => {
    const { read, volumeId, lsn, pagestore } = await withVolume(200, { limits: { usefulPagesMax: 10, readBytesMax: 512 * 64 } })
    expect((await read(volumeId, lsn, [1], range(2, 200))).size).toBe(11)
    expect(pagestore.metrics().usefulPagesDropped).toBe(189)
    expect((await read(volumeId, lsn, range(1, 60), range(61, 200))).size).toBe(64)
    expect((await read(volumeId, lsn, range(1, 64), range(65, 200))).size).toBe(64)
  })

  test('a set of four billion pages is not walked', async () => {
    const { client, volumeId, lsn } = await withVolume(3)
    const request = {
      volumeId: idToBytes(volumeId),
      lsn: BigInt(lsn),
      wanted: Splinter.from([1]).toBytes(),
      alsoUseful: Splinter.fromRange(1, 2 ** 32 - 1).toBytes(),
    }
    let count = 0
    for await (const group of client.readPages(request)) count += group.writtenLsns.length
    expect(count).toBe(3)
  })

  test('only useful, nothing wanted', async () => {
    const { read, volumeId, lsn } = await withVolume(3)
    expect([...(await read(volumeId, lsn, [], [1, 2])).keys()]).toEqual([1, 2])
    expect((await read(volumeId, lsn, [])).size).toBe(0)
  })

  test('a useful frame that cannot be read is left out; the wanted pages come', async () => {
    const { read, write, commit, volumeId, lsn, memory } = await withVolume(3)
    const ref = await write(volumeId, pagesOf([100]))
    const second = await commit(volumeId, { base: lsn, pageCount: 100, refs: [ref] })
    await memory.delete(storeKeys.segment(ref.segmentId as never))
    expect([...(await read(volumeId, second, [1], [100])).keys()]).toEqual([1])
    expect(await outcomeOf(read(volumeId, second, [100]))).toBe('corrupt SEGMENT_MISSING')
  })

  test('whose commit cannot be read are left out; the wanted pages come', async () => {
    const { write, commit, volumeId, lsn, memory } = await withVolume(3)
    const ref = await write(volumeId, pagesOf([100]))
    const second = await commit(volumeId, { base: lsn, pageCount: 100, refs: [ref] })
    const third = await commit(volumeId, { base: second, pageCount: 100, refs: [await write(volumeId, pagesOf([1]))] })
    const cold = openHarness({ wrap: () => memory })
    // Commit 2 tells what changed in it and before; commit 3 alone tells who wrote page 1.
    await memory.delete(storeKeys.commit(volumeId, lsn))
    const answer = await cold.read(volumeId, third, [1], [2])
    expect([...answer.keys()]).toEqual([1])
    expect(cold.pagestore.metrics().usefulPagesDropped).toBe(1)
    expect(await outcomeOf(cold.read(volumeId, third, [2]))).toBe('corrupt COMMIT_MISSING')
  })

  test('are read after the wanted ones, wherever they lie', async () => {
    const { read, volumeId, lsn, ref, scripted } = await withVolume(640, { limits: { getsPerRequestMax: 1 } })
    const offsets: (number | undefined)[] = []
    scripted.onGet = (forward, key, options) => {
      offsets.push(options?.range?.offset)
      return forward(key, options)
    }
    await read(volumeId, lsn, [640], [1, 300])
    expect(offsets).toEqual([9, 0, 4].map((frame) => frameRange(ref, frame).offset))
  })

  test('are dropped first when the store is busy, unless they cost nothing', async () => {
    const { read, volumeId, lsn, scripted } = await withVolume(640, { limits: { getsInFlightMax: 1, rangeGapBytesMax: 0 } })
    const gates: (() => void)[] = []
    scripted.onGet = (forward, key, options) =>
      new Promise((resolve) => {
        gates.push(() => resolve(forward(key, options)))
      })
    const blocking = [read(volumeId, lsn, [1]), read(volumeId, lsn, [129])]
    await settle()
    const third = read(volumeId, lsn, [257], [258, 385])
    for (let i = 0; i < 3; i++) {
      await settle()
      gates[i]?.()
    }
    await Promise.all(blocking)
    expect([...(await third).keys()]).toEqual([257, 258])
  })
})
