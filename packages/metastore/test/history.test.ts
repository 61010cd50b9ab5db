import { type CommitSummary, historyEntryFromWire } from '@graft-ts/protocol'
import { idToBytes, type VolumeId } from '@graft-ts/volume'
import { describe, expect, test } from 'vitest'
import { DEFAULT_LIMITS } from '../src/index.ts'
import { type Faults, faulty } from './faulty-store.ts'
import { commitMany, commitOf, type Node, newVolume, openHarness, refOf } from './harness.ts'

async function historyOf(
  node: Node,
  volumeId: VolumeId,
  from: number,
  to: number,
  signal?: AbortSignal,
): Promise<CommitSummary[]> {
  const request = { volumeId: idToBytes(volumeId), from: BigInt(from), to: BigInt(to) }
  const entries: CommitSummary[] = []
  for await (const entry of node.client.history(request, signal === undefined ? {} : { signal }))
    entries.push(historyEntryFromWire(entry))
  return entries
}

describe('history', () => {
  test('tells each commit of a range, oldest first', async () => {
    const harness = openHarness()
    const volumeId = newVolume()
    await commitMany(harness, volumeId, 30)
    const lsns = async (from: number, to: number) =>
      (await historyOf(harness.other(), volumeId, from, to)).map(({ snapshot }) => snapshot.lsn)
    expect(await lsns(1, 0)).toEqual(Array.from({ length: 30 }, (_, i) => i + 1))
    expect(await lsns(7, 19)).toEqual(Array.from({ length: 13 }, (_, i) => i + 7))
    expect(await lsns(30, 30)).toEqual([30])
    expect(await lsns(31, 0)).toEqual([])
  })

  test('tells what each commit was', async () => {
    const harness = openHarness()
    const volumeId = newVolume()
    const signed = (ref: Uint8Array) => ({
      $typeName: 'graft.v1.SignedSegmentRef' as const,
      ref,
      issuedAtMs: BigInt(harness.clock.nowMs),
      keyId: '',
      signature: new Uint8Array(0),
    })
    const request = commitOf(volumeId, 0, { pages: [1], own: [1, 2, 3], refs: [signed(refOf([2])), signed(refOf([3]))] })
    await harness.commit(request)
    await harness.commit(commitOf(volumeId, 1, { pages: [], pageCount: 1, floor: 1 }))
    const [first, second] = await historyOf(harness, volumeId, 1, 0)
    expect(idToBytes(first?.commitId as CommitSummary['commitId'])).toEqual(request.commitId)
    expect(idToBytes(first?.clientId as CommitSummary['clientId'])).toEqual(request.clientId)
    expect([...(first?.own ?? [])]).toEqual([1, 2, 3])
    expect(first?.segmentIds).toHaveLength(2)
    expect(first?.inlineBytes).toBeGreaterThan(512)
    expect([second?.snapshot.pageCount, second?.floor, second?.inlineBytes]).toEqual([1, 1, 0])
  })

  test.each([
    [0, 0, 'invalid', 'HISTORY_RANGE'],
    [0, 2, 'invalid', 'HISTORY_RANGE'],
    [3, 2, 'invalid', 'HISTORY_RANGE'],
    [2, 6, 'missing', 'LSN_FUTURE'],
  ])('from %i to %i is refused', async (from, to, kind, code) => {
    const harness = openHarness()
    const volumeId = newVolume()
    await commitMany(harness, volumeId, 5)
    await expect(historyOf(harness, volumeId, from, to)).rejects.toMatchObject({ kind, code })
  })

  test('of an unknown volume', async () => {
    await expect(historyOf(openHarness(), newVolume(), 1, 0)).rejects.toMatchObject({ kind: 'missing', code: 'VOLUME_UNKNOWN' })
  })

  test('is never cut short: one that is too long is refused whole', async () => {
    const harness = openHarness({ limits: { ...DEFAULT_LIMITS, historyCommitsMax: 10 } })
    const volumeId = newVolume()
    await commitMany(harness, volumeId, 12)
    expect(await historyOf(harness, volumeId, 3, 12)).toHaveLength(10)
    await expect(historyOf(harness, volumeId, 2, 12)).rejects.toMatchObject({ kind: 'exhausted', code: 'HISTORY_TOO_LONG' })
    await expect(historyOf(harness, volumeId, 1, 0)).rejects.toMatchObject({ kind: 'exhausted', code: 'HISTORY_TOO_LONG' })
  })

  test('what is committed while it runs is not part of it', async () => {
    const harness = openHarness()
    const volumeId = newVolume()
    await commitMany(harness, volumeId, 20)
    let seen = 0
    for await (const _ of harness.client.history({ volumeId: idToBytes(volumeId), from: 1n })) {
      if (seen === 0) await commitMany(harness, volumeId, 5, 20)
      seen++
    }
    expect(seen).toBe(20)
  })

  test('reads a few commits ahead of its reader, not all', async () => {
    const harness = openHarness()
    const volumeId = newVolume()
    await commitMany(harness, volumeId, 60)
    const node = harness.other()
    const head = await node.pull(volumeId, 60)
    expect(head.snapshot.lsn).toBe(60)
    harness.store.reset()
    const controller = new AbortController()
    const request = { volumeId: idToBytes(volumeId), from: 1n, to: 50n }
    const iterator = node.client.history(request, { signal: controller.signal })[Symbol.asyncIterator]()
    await iterator.next()
    expect(harness.store.counts.get).toBeLessThanOrEqual(12)
    controller.abort()
    await expect(iterator.next()).rejects.toMatchObject({ kind: 'aborted' })
    expect(harness.store.counts.get).toBeLessThanOrEqual(12)
    expect(node.metastore.metrics().historyEntriesSent).toBeLessThanOrEqual(3)
  })

  test('a record that cannot be read ends it with an error, after those before it', async () => {
    const faults: Faults = { get: undefined, create: undefined }
    const harness = openHarness({ wrap: (inner) => faulty(inner, faults) })
    const volumeId = newVolume()
    await commitMany(harness, volumeId, 12)
    // A record that the search for the head does not read.
    faults.get = async (key, run) => {
      const object = await run()
      if (object !== undefined && key.endsWith('7')) object.bytes[40] = (object.bytes[40] as number) ^ 1
      return object
    }
    const received: number[] = []
    const read = async (): Promise<void> => {
      for await (const entry of harness.other().client.history({ volumeId: idToBytes(volumeId), from: 1n })) {
        received.push(Number(entry.snapshot?.lsn))
      }
    }
    await expect(read()).rejects.toMatchObject({ kind: 'corrupt', code: 'RECORD_CHECKSUM' })
    expect(received).toEqual([1, 2, 3, 4, 5, 6])
  })
})
