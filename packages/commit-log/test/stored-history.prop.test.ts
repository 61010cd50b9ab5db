import { createHash } from 'node:crypto'
import { Splinter } from '@graft-ts/splinter'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import {
  type CommitRecord,
  decodeCommit,
  encodeCommit,
  type Lsn,
  layerCountMax,
  newSegmentId,
  storeKeys,
  systemIdSource,
  type VolumeId,
} from '@graft-ts/volume'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type CommitLog, createCommitLogs } from '../src/index.ts'
import { attemptOf, histories, naiveChanges, rawCodec, type State, type Step, statesOf, volumeId } from './history.ts'
import { parameters } from './parameters.ts'

const numRuns = Math.min(parameters.numRuns, 1000)

interface Process {
  readonly store: MemoryStore
  readonly id: VolumeId
  readonly open: (cacheBytesMax?: number) => CommitLog
}

function newVolume(): Process {
  const store = new MemoryStore()
  const id = volumeId()
  const open = (cacheBytesMax = 2 ** 26) => createCommitLogs({ store, nowMs: () => 5, codec: rawCodec, cacheBytesMax }).volume(id)
  return { store, id, open }
}

async function appendAll(log: CommitLog, steps: readonly Step[], from = 0): Promise<void> {
  for (let base = from; base < steps.length; base++) {
    expect(await log.append(attemptOf(steps[base] as Step, base))).toMatchObject({ type: 'committed' })
  }
}

async function objectAt({ store, id }: Process, lsn: number): Promise<Uint8Array> {
  return (await store.get(storeKeys.commit(id, lsn as Lsn)))?.bytes as Uint8Array
}

const sha256 = (bytes: Uint8Array): Uint8Array => Uint8Array.from(createHash('sha256').update(bytes).digest())

describe('I2: the hash chain', () => {
  test('each record holds the hash of the sealed one before, and that of its own inline frames', async () => {
    await fc.assert(
      fc.asyncProperty(histories(20), fc.array(fc.nat(1), { minLength: 20, maxLength: 20 }), async (steps, turns) => {
        const volume = newVolume()
        const logs = [volume.open(), volume.open(2000)]
        for (const [base, step] of steps.entries()) await logs[turns[base] as number]?.append(attemptOf(step, base))
        let previous = new Uint8Array(0)
        for (let lsn = 1; lsn <= steps.length; lsn++) {
          const bytes = await objectAt(volume, lsn)
          const { record, byteLength } = decodeCommit(bytes)
          expect(Uint8Array.from(record.previousHash)).toEqual(previous)
          expect(record.inline?.byteLength ?? 0).toBe(bytes.length - byteLength)
          if (record.inline !== undefined) expect(Uint8Array.from(record.inline.hash)).toEqual(sha256(bytes.subarray(byteLength)))
          previous = Uint8Array.from(sha256(bytes.subarray(0, byteLength)))
        }
      }),
      { ...parameters, numRuns },
    )
  })
})

/** Stores a record as another writer could have made it. */
async function rewrite(volume: Process, lsn: number, change: (record: CommitRecord) => Partial<CommitRecord>): Promise<void> {
  const bytes = await objectAt(volume, lsn)
  const { record, byteLength } = decodeCommit(bytes)
  const sealed = encodeCommit({ ...record, ...change(record) })
  const frames = bytes.subarray(byteLength)
  const body = new Uint8Array(sealed.length + frames.length)
  body.set(sealed)
  body.set(frames, sealed.length)
  await volume.store.put(storeKeys.commit(volume.id, lsn as Lsn), body)
}

/** Compares everything that a log tells with the list of whole states. */
async function checkAnswers(log: CommitLog, steps: readonly Step[], pull: boolean): Promise<void> {
  const states = statesOf(steps)
  const everything = Splinter.fromRange(1, 40)
  for (let until = pull ? steps.length : 1; until <= steps.length; until++) {
    for (let since = 0; since <= until; since++) {
      const { pages, floor } = pull ? (await log.pull(since as Lsn)).changes : await log.changes(since as Lsn, until as Lsn)
      expect({ since, until, pages: [...pages], floor }).toEqual({ since, until, ...naiveChanges(steps, since, until) })
    }
    const located = await log.locate(until as Lsn, everything)
    const writers = located.flatMap(({ pages, lsn }) => [...pages].map((page) => [page, lsn] as const))
    expect(writers).toHaveLength(everything.size)
    expect(new Map(writers.filter(([, lsn]) => lsn > 0))).toEqual((states[until] as State).writers)
  }
}

describe('I5, I9: records that lack some of their layers', () => {
  const keptLayers = fc.array(fc.nat(4), { minLength: 24, maxLength: 24 })

  test('pulls, changes and places are as exact, and so is what is written on top of them', async () => {
    let lacking = 0
    await fc.assert(
      fc.asyncProperty(
        histories(24),
        keptLayers,
        fc.nat(24),
        fc.constantFrom(3000, 2 ** 26),
        async (steps, kept, cutAt, cacheBytesMax) => {
          const volume = newVolume()
          const written = Math.min(cutAt, steps.length)
          await appendAll(volume.open(), steps.slice(0, written))
          for (let lsn = 1; lsn <= written; lsn++) {
            // As one does that meets its limit.
            await rewrite(volume, lsn, ({ layers }) => ({ layers: layers.slice(0, kept[lsn - 1]) }))
          }
          // One process for each commit: each makes its layers from what it reads.
          for (let base = written; base < steps.length; base++) {
            await volume.open(cacheBytesMax).append(attemptOf(steps[base] as Step, base))
            const { record } = decodeCommit(await objectAt(volume, base + 1))
            if (record.layers.length < layerCountMax(record.lsn)) lacking++
          }
          await checkAnswers(volume.open(cacheBytesMax), steps, false)
          await checkAnswers(volume.open(cacheBytesMax), steps, true)
        },
      ),
      { ...parameters, numRuns: Math.min(parameters.numRuns, 400) },
    )
    expect(lacking).toBeGreaterThan(0)
  })
})

describe('I2: the first commit creates the volume', () => {
  test('of racing ones with different page sizes one decides, and the others learn which', async () => {
    const { open } = newVolume()
    const attempts = [512, 1024, 65_536].map((pageSize) => {
      const attempt = attemptOf({ pages: [1], pageCount: 1, floor: undefined }, 0)
      return {
        ...attempt,
        pageSize: pageSize as typeof attempt.pageSize,
        inline: { pages: attempt.own, data: new Uint8Array(pageSize) },
      }
    })
    const outcomes = await Promise.all(attempts.map((attempt) => open().append(attempt)))
    const winner = outcomes.findIndex(({ type }) => type === 'committed')
    expect(outcomes.filter(({ type }) => type === 'committed')).toHaveLength(1)
    for (const { snapshot } of outcomes) expect(snapshot).toMatchObject({ lsn: 1, pageSize: attempts[winner]?.pageSize })
    const loser = attempts[(winner + 1) % 3] as (typeof attempts)[0]
    await expect(open().append({ ...loser, baseLsn: 1 as Lsn })).rejects.toMatchObject({
      code: 'COMMIT_PAGE_SIZE',
      kind: 'invalid',
    })
  })
})

describe('what is stored, and what is not', () => {
  test('a range whose end does not exist is LSN_FUTURE, or VOLUME_UNKNOWN where there is no commit at all', async () => {
    const { open } = newVolume()
    const pages = Splinter.from([1])
    for (const call of [(log: CommitLog) => log.changes(0 as Lsn, 8 as Lsn), (log: CommitLog) => log.locate(8 as Lsn, pages)]) {
      await expect(call(open())).rejects.toMatchObject({ code: 'VOLUME_UNKNOWN', kind: 'missing' })
    }
    await appendAll(open(), [{ pages: [1], pageCount: 1, floor: undefined }])
    for (const log of [open(), open()]) {
      await log.head()
      await expect(log.changes(0 as Lsn, 8 as Lsn)).rejects.toMatchObject({ code: 'LSN_FUTURE', kind: 'missing' })
      await expect(log.locate(2 as Lsn, pages)).rejects.toMatchObject({ code: 'LSN_FUTURE', kind: 'missing' })
    }
  })

  test('what a range ends with is seen, and told to who listens', async () => {
    const volume = newVolume()
    const step = { pages: [1], pageCount: 1, floor: undefined }
    await appendAll(volume.open(), [step, step, step])
    for (const call of [
      (log: CommitLog) => log.changes(0 as Lsn, 2 as Lsn),
      (log: CommitLog) => log.locate(2 as Lsn, Splinter.from([1])),
    ]) {
      const logs = createCommitLogs({ store: volume.store, nowMs: () => 5, codec: rawCodec })
      const seen: number[] = []
      logs.onAdvance((_, lsn) => seen.push(lsn))
      await call(logs.volume(volume.id))
      expect(seen).toEqual([2])
    }
  })

  test('I11: a page for which its commit names no place is corrupt, not zero', async () => {
    const volume = newVolume()
    await appendAll(volume.open(), [{ pages: [1, 2], pageCount: 3, floor: undefined }])
    await rewrite(volume, 1, () => ({ own: Splinter.from([1, 3]) }))
    const log = volume.open()
    expect((await log.locate(1 as Lsn, Splinter.from([1])))[0]?.lsn).toBe(1)
    await expect(log.locate(1 as Lsn, Splinter.from([3]))).rejects.toMatchObject({ kind: 'corrupt', code: 'RECORD_CONTENT' })
  })

  test('I7: a conflict answer is of the head, however far behind the attempt was', async () => {
    const volume = newVolume()
    const steps = Array.from({ length: 40 }, (_, i) => ({
      pages: [1 + (i % 7)],
      pageCount: 7,
      floor: i % 9 === 8 ? 3 : undefined,
    }))
    await appendAll(volume.open(), steps)
    for (let base = 0; base < steps.length; base++) {
      const outcome = await volume.open().append(attemptOf({ pages: [1], pageCount: 7, floor: undefined }, base))
      expect(outcome).toMatchObject({ type: 'conflict', snapshot: { lsn: 40, pageCount: 7 } })
      if (outcome.type !== 'conflict') continue
      const { pages, floor } = outcome.changes
      expect({ base, pages: [...pages], floor }).toEqual({ base, ...naiveChanges(steps, base, 40) })
    }
  })

  test('times never go back, whatever the clocks of those who commit say', async () => {
    const volume = newVolume()
    for (const [base, nowMs] of [7, 3, 9, 8].entries()) {
      const log = createCommitLogs({ store: volume.store, nowMs: () => nowMs, codec: rawCodec }).volume(volume.id)
      await log.append(attemptOf({ pages: [1], pageCount: 1, floor: undefined }, base))
    }
    const log = volume.open()
    const records = await Promise.all([1, 2, 3, 4].map((lsn) => log.record(lsn as Lsn)))
    expect(records.map(({ timestampMs }) => timestampMs)).toEqual([7, 7, 9, 9])
  })

  test('of refs that overlap the later one counts, and inline pages before all', async () => {
    const volume = newVolume()
    const attempt = attemptOf({ pages: [3], pageCount: 3, floor: undefined }, 0)
    const refs = [[1, 2, 3], [2]].map((pages, i) => {
      const frames = { lengths: Uint32Array.of(100), checksums: BigUint64Array.of(7n) }
      return { segmentId: newSegmentId(systemIdSource), pages: Splinter.from(pages), offset: i, frames }
    })
    await volume.open().append({ ...attempt, own: Splinter.from([1, 2, 3]), refs })
    const located = await volume.open().locate(1 as Lsn, Splinter.from([1, 2, 3]))
    const places = located.map(({ pages, content }) => [[...pages], content?.ref.segmentId])
    expect(places.toSorted()).toEqual([
      [[1], refs[0]?.segmentId],
      [[2], refs[1]?.segmentId],
      [[3], undefined],
    ])
  })

  test('I11: a record of another volume in its place is not believed', async () => {
    const [volume, other] = [newVolume(), newVolume()]
    const step = { pages: [1], pageCount: 1, floor: undefined }
    await appendAll(volume.open(), [step, step])
    await appendAll(other.open(), [step, step])
    await volume.store.put(storeKeys.commit(volume.id, 2 as Lsn), await objectAt(other, 2))
    await expect(volume.open().record(2 as Lsn)).rejects.toMatchObject({ kind: 'corrupt', code: 'COMMIT_FOREIGN' })
  })

  test('I5: what was cut off deep stays cut off, also where an older commit cut off less', async () => {
    const volume = newVolume()
    const steps = [
      { pages: [2, 5, 20], pageCount: 20, floor: undefined },
      { pages: [1], pageCount: 20, floor: 10 },
      { pages: [1], pageCount: 20, floor: 3 },
    ]
    await appendAll(volume.open(), steps)
    await checkAnswers(volume.open(), steps, false)
    await checkAnswers(volume.open(), steps, true)
  })

  test('a new commit carries the newest checkpoint on', async () => {
    const volume = newVolume()
    const step = { pages: [1], pageCount: 1, floor: undefined }
    await appendAll(volume.open(), [step, step])
    await rewrite(volume, 2, () => ({ checkpointLsn: 1 as Lsn }))
    await volume.open().append(attemptOf(step, 2))
    expect((await volume.open().record(3 as Lsn)).checkpointLsn).toBe(1)
  })

  test('I11: a gap in the log is one, not the future', async () => {
    const volume = newVolume()
    await appendAll(
      volume.open(),
      Array.from({ length: 8 }, () => ({ pages: [1], pageCount: 1, floor: undefined })),
    )
    await volume.store.delete(storeKeys.commit(volume.id, 4 as Lsn))
    const log = volume.open()
    await expect(log.changes(0 as Lsn, 7 as Lsn)).rejects.toMatchObject({ code: 'COMMIT_MISSING', kind: 'corrupt' })
    expect([...(await log.changes(0 as Lsn, 8 as Lsn)).pages]).toEqual([1])
  })
})
