import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Splinter } from '@graft-ts/splinter'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import { type Lsn, newSegmentId, systemIdSource, type VolumeId } from '@graft-ts/volume'
import { describe, expect, test } from 'vitest'
import { type CommitLogs, createCommitLogs } from '../src/index.ts'
import { LogMemory } from '../src/log-memory.ts'
import { ChangeOrder } from '../src/order/change-order.ts'
import { attemptOf, naiveChanges, rawCodec, type Step, volumeId } from './history.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Bytes in use: on the engine's heap, and in array buffers. */
function used(): number {
  // Twice: the memory of array buffers is given back after the objects are.
  collectGarbage()
  collectGarbage()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

const store = new MemoryStore()
const open = (cacheBytesMax: number): CommitLogs => createCommitLogs({ store, nowMs: () => 5, codec: rawCodec, cacheBytesMax })

/** Steps of a volume whose records are as large as one likes. */
function stepsOf(seed: number, commits: number, pagesPerCommit: number): Step[] {
  return Array.from({ length: commits }, (_, i) => {
    const pages = Array.from({ length: pagesPerCommit }, (_page, p) => 1 + ((seed + i) % 3) + 5 * p)
    return { pages, pageCount: 5 * pagesPerCommit + 10, floor: i % 4 === 3 ? 2 * pagesPerCommit : undefined }
  })
}

/** Writes a volume, each commit's pages spread over so many refs. */
async function writeVolume(id: VolumeId, steps: readonly Step[], refsPerCommit: number): Promise<void> {
  const log = open(2 ** 20).volume(id)
  for (const [base, step] of steps.entries()) {
    const { inline: _, ...attempt } = attemptOf({ ...step, pages: [] }, base)
    const own = Splinter.from(step.pages)
    const each = Math.ceil(step.pages.length / refsPerCommit)
    const refs = Array.from({ length: refsPerCommit }, (_ref, r) => {
      const pages = Splinter.from(step.pages.slice(r * each, (r + 1) * each))
      const frames = Math.ceil(pages.size / 64)
      const table = { lengths: new Uint32Array(frames).fill(100), checksums: new BigUint64Array(frames).fill(2n ** 60n) }
      return { segmentId: newSegmentId(systemIdSource), pages, offset: 0, frames: table }
    })
    expect(await log.append({ ...attempt, own, refs })).toMatchObject({ type: 'committed' })
  }
}

interface Volume {
  readonly id: VolumeId
  readonly steps: readonly Step[]
}

async function writeVolumes(count: number, [commits, pages, refs]: readonly [number, number, number]): Promise<Volume[]> {
  const volumes = Array.from({ length: count }, (_, seed) => ({ id: volumeId(), steps: stepsOf(seed, commits, pages) }))
  for (const { id, steps } of volumes) await writeVolume(id, steps, refs)
  return volumes
}

async function checkPull(logs: CommitLogs, { id, steps }: Volume, since: number): Promise<void> {
  const { changes, head } = await logs.volume(id).pull(since as Lsn)
  const told = { lsn: head.lsn, pages: [...changes.pages], floor: changes.floor }
  expect(told).toEqual({ lsn: steps.length, ...naiveChanges(steps, since, steps.length) })
}

describe('memory is bounded in bytes over all volumes', () => {
  const bytesMax = 2 ** 20

  test.each([
    ['many volumes', 120, [6, 40, 2]],
    ['large records', 12, [8, 6000, 1]],
    ['many refs', 12, [6, 400, 100]],
  ] as const)('%s: answers stay right while things are forgotten', async (_, count, shape) => {
    const volumes = await writeVolumes(count, shape)
    const logs = open(bytesMax)
    let most = 0
    for (let round = 0; round < 3; round++) {
      for (const [i, volume] of volumes.entries()) {
        await checkPull(logs, volume, (round * 2 + i) % volume.steps.length)
        const located = await logs.volume(volume.id).locate(volume.steps.length as Lsn, Splinter.from([1, 2, 3, 4, 5]))
        expect(located.reduce((sum, { pages }) => sum + pages.size, 0)).toBe(5)
        expect(logs.memoryBytes).toBeLessThanOrEqual(bytesMax)
        most = Math.max(most, logs.memoryBytes)
      }
    }
    // More would have been kept if it could.
    expect(most).toBeGreaterThan(bytesMax / 2)
  })

  test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('%d bytes are refused at once', (cacheBytesMax) => {
    const refused = (): unknown => open(cacheBytesMax)
    expect(refused).toThrow(expect.objectContaining({ kind: 'invalid', code: 'LOG_OPTIONS' }))
  })

  test('an order counts the record that it holds on to', async () => {
    const [volume] = (await writeVolumes(1, [1, 1000, 200])) as [Volume]
    const record = await open(2 ** 20)
      .volume(volume.id)
      .record(1 as Lsn)
    const memory = new LogMemory(2 ** 24)
    memory.keepOrder(volume.id, new ChangeOrder(record, memory.orderBytesMax))
    // Two hundred refs, each with its own objects.
    expect(memory.byteLength).toBeGreaterThan(200 * 500)
  })

  test('an order that grows is counted as large as it has become', async () => {
    const id = volumeId()
    const logs = open(2 ** 26)
    const log = logs.volume(id)
    const other = open(2 ** 26).volume(id)
    await log.append(attemptOf({ pages: [1], pageCount: 20_000, floor: undefined }, 0))
    await log.pull(0 as Lsn)
    const before = logs.memoryBytes
    for (let base = 1; base < 20; base++) {
      const pages = Array.from({ length: 1000 }, (_, i) => 1000 * base + i - 500)
      const { inline: _, ...attempt } = attemptOf({ pages: [], pageCount: 20_000, floor: undefined }, base)
      const own = Splinter.from(pages)
      const frames = { lengths: new Uint32Array(16).fill(100), checksums: new BigUint64Array(16) }
      await other.append({ ...attempt, own, refs: [{ segmentId: newSegmentId(systemIdSource), pages: own, offset: 0, frames }] })
    }
    expect((await log.pull(1 as Lsn)).changes.pages.size).toBe(19_000)
    // Twelve bytes for each page, at least.
    expect(logs.memoryBytes - before).toBeGreaterThan(19_000 * 12)
  })

  test.each([
    ['small commits', 40, [32, 5, 1]],
    ['many refs', 10, [4, 2000, 400]],
    ['many pages', 10, [4, 20_000, 1]],
  ] as const)('%s: what is counted is what is held, about', async (_, count, shape) => {
    const volumes = await writeVolumes(count, shape)
    const logs = open(2 ** 26)
    const before = used()
    for (const { id } of volumes) await logs.volume(id).pull(0 as Lsn)
    const held = used() - before
    expect(held / logs.memoryBytes).toBeLessThan(2)
    expect(held / logs.memoryBytes).toBeGreaterThan(0.25)
  })
})
