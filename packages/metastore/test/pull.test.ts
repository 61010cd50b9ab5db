import { snapshotFromWire } from '@graft-ts/protocol'
import { idToBytes } from '@graft-ts/volume'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { commitMany, commitOf, newVolume, openHarness, START_MS } from './harness.ts'
import { histories, naiveChanges, parameters, statesOf } from './model.ts'

describe('pull', () => {
  test('tells the head and what changed since', async () => {
    const harness = openHarness()
    const volumeId = newVolume()
    await commitMany(harness, volumeId, 20)
    const { snapshot, changes } = await harness.pull(volumeId, 17)
    expect(snapshot).toMatchObject({ volumeId, lsn: 20, pageCount: 50, pageSize: 512 })
    expect([...changes.pages]).toEqual([18, 19, 20])
    expect(changes.floor).toBeUndefined()
  })

  test('since the head: nothing', async () => {
    const harness = openHarness()
    const volumeId = newVolume()
    await commitMany(harness, volumeId, 4)
    const { snapshot, changes } = await harness.pull(volumeId, 4)
    expect([snapshot.lsn, changes.pages.size, changes.floor]).toEqual([4, 0, undefined])
  })

  test.each([
    ['since', { since: 5n }],
    ['atLeast', { atLeast: 5n }],
    ['since far beyond', { since: 2n ** 53n - 1n }],
  ])('%s in the future', async (_, fields) => {
    const harness = openHarness()
    const volumeId = newVolume()
    await commitMany(harness, volumeId, 4)
    const request = { volumeId: idToBytes(volumeId), ...fields }
    await expect(harness.client.pull(request)).rejects.toMatchObject({ kind: 'missing', code: 'LSN_FUTURE' })
    await expect(harness.other().client.pull(request)).rejects.toMatchObject({ kind: 'missing', code: 'LSN_FUTURE' })
  })

  test('an unknown volume', async () => {
    const { client } = openHarness()
    for (const since of [0n, 3n]) {
      const request = { volumeId: idToBytes(newVolume()), since }
      await expect(client.pull(request)).rejects.toMatchObject({ kind: 'missing', code: 'VOLUME_UNKNOWN' })
    }
  })

  test('sees at once what another process committed', async () => {
    const harness = openHarness()
    const volumeId = newVolume()
    const reader = harness.other()
    await commitMany(harness, volumeId, 1)
    expect((await reader.pull(volumeId, 0)).snapshot.lsn).toBe(1)
    await commitMany(harness, volumeId, 3, 1)
    expect((await reader.pull(volumeId, 1, 4)).snapshot.lsn).toBe(4)
  })

  test('a warm pull is one read, from any distance', async () => {
    const harness = openHarness()
    const volumeId = newVolume()
    await commitMany(harness, volumeId, 70)
    for (const since of [0, 1, 33, 69, 70]) {
      harness.store.reset()
      await harness.pull(volumeId, since)
      expect(harness.store.counts).toMatchObject({ get: 1, create: 0, head: 0, put: 0, list: 0 })
    }
  })
})

describe('what a pull costs, in reads', () => {
  test('a hundred at once: two, however many ask', async () => {
    const harness = openHarness()
    const volumeId = newVolume()
    await commitMany(harness, volumeId, 40)
    await harness.pull(volumeId, 0)
    harness.store.reset()
    const answers = await Promise.all(Array.from({ length: 100 }, (_, since) => harness.pull(volumeId, since % 41)))
    expect(new Set(answers.map(({ snapshot }) => snapshot.lsn))).toEqual(new Set([40]))
    // Those that come while the first is asked share the next.
    expect(harness.store.counts).toMatchObject({ get: 2, head: 0, list: 0 })
  })

  test('none within the staleness that the operator allows; one after, or for an LSN that is not known', async () => {
    const harness = openHarness({ maxStalenessMs: 1000 })
    const volumeId = newVolume()
    await commitMany(harness, volumeId, 3)
    await harness.pull(volumeId, 0)
    await commitMany(harness.other(), volumeId, 2, 3)
    const readsOf = async (pull: Promise<{ snapshot: { lsn: number } }>) => {
      const before = harness.store.counts.get
      const { lsn } = (await pull).snapshot
      return [lsn, harness.store.counts.get - before]
    }
    harness.clock.nowMs += 1000
    expect(await readsOf(harness.pull(volumeId, 1))).toEqual([3, 0])
    expect(await readsOf(harness.pull(volumeId, 3, 3))).toEqual([3, 0])
    const [lsn, reads] = await readsOf(harness.pull(volumeId, 1, 4))
    expect(lsn).toBe(5)
    expect(reads).toBeGreaterThan(0)
    expect(await readsOf(harness.pull(volumeId, 1))).toEqual([5, 0])
    harness.clock.nowMs += 1001
    expect(await readsOf(harness.pull(volumeId, 1))).toEqual([5, 1])
  })

  test('a client that has more than this process knows is not told that it comes from the future', async () => {
    const harness = openHarness({ maxStalenessMs: 60_000 })
    const volumeId = newVolume()
    await commitMany(harness, volumeId, 1)
    await commitMany(harness.other(), volumeId, 3, 1)
    expect(await harness.pull(volumeId, 4)).toMatchObject({ snapshot: { lsn: 4 } })
  })
})

test('I9: every pull is the union of its commits less what a later floor cut off', async () => {
  await fc.assert(
    fc.asyncProperty(histories(10), async (steps) => {
      const harness = openHarness()
      const volumeId = newVolume()
      const states = statesOf(steps)
      for (const [base, step] of steps.entries()) {
        const { floor, ...rest } = step
        await harness.commit(commitOf(volumeId, base, { ...rest, ...(floor !== undefined && { floor }) }))
        const reader = harness.other()
        for (let since = 0; since <= base + 1; since++) {
          const { snapshot, changes } = await reader.pull(volumeId, since)
          const got = { pages: [...changes.pages], floor: changes.floor }
          expect({ since, lsn: snapshot.lsn, pageCount: snapshot.pageCount, ...got }).toEqual({
            since,
            lsn: base + 1,
            pageCount: step.pageCount,
            ...naiveChanges(steps, since, base + 1),
          })
          // What a client does with it: pages that changed or lie above the floor are forgotten, the others stay right.
          const after = states[base + 1] as ReadonlyMap<number, number>
          for (const [page, writer] of states[since] as ReadonlyMap<number, number>) {
            const isTouched = changes.pages.has(page) || page > (changes.floor ?? Number.POSITIVE_INFINITY)
            if (!isTouched) expect(after.get(page)).toBe(writer)
          }
        }
      }
    }),
    parameters(50),
  )
})

describe('getSnapshot', () => {
  test('at an LSN, or at the head', async () => {
    const harness = openHarness()
    const volumeId = newVolume()
    await harness.commit(commitOf(volumeId, 0, { pages: [1, 2, 3] }))
    await harness.commit(commitOf(volumeId, 1, { pages: [], pageCount: 2, floor: 2 }))
    const at = async (lsn: bigint) => snapshotFromWire(await harness.client.getSnapshot({ volumeId: idToBytes(volumeId), lsn }))
    expect(await at(1n)).toMatchObject({ volumeId, lsn: 1, pageCount: 3 })
    expect(await at(2n)).toMatchObject({ volumeId, lsn: 2, pageCount: 2 })
    expect(await at(0n)).toEqual(await at(2n))
    await expect(at(3n)).rejects.toMatchObject({ kind: 'missing', code: 'LSN_FUTURE' })
  })

  test('at a time: the newest commit that was made by then', async () => {
    const harness = openHarness()
    const volumeId = newVolume()
    for (let base = 0; base < 40; base++) {
      harness.clock.nowMs = START_MS + 10 * base
      await harness.commit(commitOf(volumeId, base))
    }
    const at = async (timestampMs: number, lsn = 0n) => {
      const request = { volumeId: idToBytes(volumeId), timestampMs: BigInt(timestampMs), lsn }
      return snapshotFromWire(await harness.client.getSnapshot(request)).lsn
    }
    expect(await Promise.all([0, 9, 10, 195, 389, 390, 999_999].map((ms) => at(START_MS + ms)))).toEqual([
      1, 1, 2, 20, 39, 40, 40,
    ])
    const early = { kind: 'missing', code: 'SNAPSHOT_TOO_EARLY' }
    await expect(at(START_MS - 1)).rejects.toMatchObject(early)
    await expect(at(0)).rejects.toMatchObject(early)
    const invalid = { kind: 'invalid', code: 'MESSAGE_INVALID' }
    await expect(at(START_MS, 3n)).rejects.toMatchObject(invalid)
    await expect(at(2 ** 53)).rejects.toMatchObject(invalid)
  })

  test('of an unknown volume', async () => {
    const { client } = openHarness()
    for (const at of [{ lsn: 0n }, { lsn: 1n }, { timestampMs: 1n }]) {
      const request = { volumeId: idToBytes(newVolume()), ...at }
      await expect(client.getSnapshot(request)).rejects.toMatchObject({ kind: 'missing', code: 'VOLUME_UNKNOWN' })
    }
  })
})
