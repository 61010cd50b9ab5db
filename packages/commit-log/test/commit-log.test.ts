import { Splinter, SplinterView } from '@graft-ts/splinter'
import { type GetOptions, metered, type ObjectStore, StoreError } from '@graft-ts/storage-adapters'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import { encodeHeadHint, type Lsn, newSegmentId, type PageSet, storeKeys, systemIdSource } from '@graft-ts/volume'
import { describe, expect, test } from 'vitest'
import { type CommitLog, createCommitLogs } from '../src/index.ts'
import { attemptOf, rawCodec, type Step, volumeId } from './history.ts'

const step = (pages: number[], pageCount = Math.max(0, ...pages), floor?: number): Step => ({ pages, pageCount, floor })

function open(store: ObjectStore, id = volumeId()): { log: CommitLog; other: () => CommitLog; id: typeof id } {
  const other = () => createCommitLogs({ store, nowMs: () => 7, codec: rawCodec }).volume(id)
  return { log: other(), other, id }
}

async function appendAll(log: CommitLog, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await log.append(attemptOf(step([1 + (i % 50)], 50), i))
}

describe('I2: one history', () => {
  test('of many writers on one base exactly one wins, and the others learn what changed (I7)', async () => {
    const store = new MemoryStore()
    const { log, other } = open(store)
    await log.append(attemptOf(step([1, 2]), 0))
    const attempts = Array.from({ length: 8 }, (_, i) => attemptOf(step([3 + i], 20), 1))
    const outcomes = await Promise.all(attempts.map((attempt) => other().append(attempt)))
    const winners = outcomes.flatMap((outcome, i) => (outcome.type === 'committed' ? [i] : []))
    expect(winners).toHaveLength(1)
    const winner = attempts[winners[0] as number]
    for (const outcome of outcomes) {
      if (outcome.type === 'committed') continue
      expect(outcome.snapshot.lsn).toBe(2)
      expect([...outcome.changes.pages]).toEqual([...(winner?.own ?? [])])
      expect(outcome.commitIdAfterBase).toBe(winner?.commitId)
    }
  })

  test('each record holds the hash of the one before', async () => {
    const { log } = open(new MemoryStore())
    await appendAll(log, 3)
    const [first, second] = [await log.record(1 as Lsn), await log.record(2 as Lsn)]
    expect(first.previousHash).toHaveLength(0)
    expect(second.previousHash).toHaveLength(32)
    expect((await log.record(3 as Lsn)).previousHash).not.toEqual(second.previousHash)
  })

  test('a base that does not exist is refused', async () => {
    const { log } = open(new MemoryStore())
    await expect(log.append(attemptOf(step([1]), 4))).rejects.toMatchObject({ code: 'VOLUME_UNKNOWN', kind: 'missing' })
    await appendAll(log, 2)
    await expect(log.append(attemptOf(step([1], 50), 4))).rejects.toMatchObject({ code: 'LSN_FUTURE', kind: 'missing' })
  })
})

describe('I6: retries are harmless', () => {
  test('the same attempt again is the same commit, also after others committed on top', async () => {
    const { log, other } = open(new MemoryStore())
    const attempt = attemptOf(step([1]), 0)
    const first = await log.append(attempt)
    expect(await other().append(attempt)).toEqual(first)
    await log.append(attemptOf(step([2]), 1))
    await log.append(attemptOf(step([3]), 2))
    expect(await log.append(attempt)).toEqual(first)
    expect(await other().append(attempt)).toEqual(first)
    expect((await log.head())?.lsn).toBe(3)
  })

  test('a commit whose reply was lost is found by reading it back', async () => {
    const inner = new MemoryStore()
    let losses = 0
    const store: ObjectStore = new Proxy(inner, {
      get(target, property) {
        if (property !== 'create')
          return Reflect.get(target, property, target).bind?.(target) ?? Reflect.get(target, property, target)
        return async (...call: Parameters<ObjectStore['create']>) => {
          await target.create(...call)
          losses++
          throw new StoreError('STORE_OUTCOME_UNKNOWN', 'reply lost')
        }
      },
    })
    const { log } = open(store)
    expect(await log.append(attemptOf(step([1]), 0))).toMatchObject({ type: 'committed' })
    expect(losses).toBe(1)
  })

  test('a lost reply without an effect stays undecided', async () => {
    const inner = new MemoryStore()
    const store = Object.assign(Object.create(inner) as ObjectStore, {
      capabilities: inner.capabilities,
      get: inner.get.bind(inner),
      create: async () => {
        throw new StoreError('STORE_OUTCOME_UNKNOWN', 'no reply')
      },
    })
    const { log } = open(store)
    await expect(log.append(attemptOf(step([1]), 0))).rejects.toMatchObject({ code: 'COMMIT_UNDECIDED', kind: 'unknown' })
  })

  test('a lost reply stays undecided while the record cannot be read back, and is found when it can', async () => {
    const inner = new MemoryStore()
    let isDown = false
    const store = Object.assign(Object.create(inner) as ObjectStore, {
      capabilities: inner.capabilities,
      get: async (key: string, options?: GetOptions) => {
        if (isDown) throw new StoreError('STORE_UNAVAILABLE', 'down')
        return inner.get(key, options)
      },
      create: async (key: string, body: Uint8Array) => {
        await inner.create(key, body)
        isDown = true
        throw new StoreError('STORE_OUTCOME_UNKNOWN', 'no reply')
      },
    })
    const { log, other } = open(store)
    const attempt = attemptOf(step([1]), 0)
    await expect(log.append(attempt)).rejects.toMatchObject({ code: 'COMMIT_UNDECIDED', kind: 'unknown' })
    isDown = false
    expect(await other().append(attempt)).toMatchObject({ type: 'committed', snapshot: { lsn: 1 } })
  })

  test('an attempt that became invalid is still found if it landed', async () => {
    const { log, other } = open(new MemoryStore())
    await log.append(attemptOf(step([1, 2, 3]), 0))
    const attempt = attemptOf(step([1], 3), 1)
    const landed = await log.append(attempt)
    const withoutPages = { ...attempt, inline: { pages: attempt.own.difference(attempt.own), data: new Uint8Array(0) } }
    expect(await other().append(withoutPages)).toEqual(landed)
  })
})

describe('what contradicts the base is refused', () => {
  test.each([
    ['shrinking without a floor', step([], 1), 'COMMIT_FLOOR'],
    ['shrinking by a page without a floor', step([], 2), 'COMMIT_FLOOR'],
    ['a floor above the page count', step([], 3, 4), 'COMMIT_FLOOR'],
    ['a page above the page count', { pages: [9], pageCount: 5, floor: undefined }, 'COMMIT_PAGE_BEYOND_END'],
  ])('%s', async (_, wrong, code) => {
    const { log } = open(new MemoryStore())
    await log.append(attemptOf(step([1, 2, 3]), 0))
    await expect(log.append(attemptOf(wrong, 1))).rejects.toMatchObject({ code, kind: 'invalid' })
    expect((await log.head())?.lsn).toBe(1)
  })

  test('a page without content', async () => {
    const { log } = open(new MemoryStore())
    const { inline: _, ...attempt } = attemptOf(step([1]), 0)
    await expect(log.append(attempt)).rejects.toMatchObject({ code: 'COMMIT_PAGE_WITHOUT_CONTENT' })
  })
})

test('I2: what no reader would accept is not created, so the log goes on', async () => {
  const store = new MemoryStore()
  const { log, other, id } = open(store)
  const inline = attemptOf(step([1]), 0)
  // A ref into this commit's own frames, of which there are not so many.
  const frames = { lengths: Uint32Array.of(100), checksums: BigUint64Array.of(1n) }
  const ref = { segmentId: undefined, pages: Splinter.from([2]), offset: 4096, frames }
  await expect(log.append({ ...inline, refs: [ref] })).rejects.toMatchObject({ kind: 'corrupt', code: 'RECORD_CONTENT' })
  expect(await store.head(storeKeys.commit(id, 1 as Lsn))).toBeUndefined()
  await log.append(inline)
  expect((await other().head())?.lsn).toBe(1)
})

describe('a record in memory holds on to its own bytes alone', () => {
  const bufferBytes = (pages: PageSet | undefined) => (pages as SplinterView).bytes.buffer.byteLength

  test('not to the request that its refs came in', async () => {
    const { log } = open(new MemoryStore())
    const attempt = { ...attemptOf(step([]), 0), pageCount: 1, own: Splinter.from([1]) }
    const request = new Uint8Array(100_000)
    const setBytes = attempt.own.toBytes()
    request.set(setBytes)
    const pages = new SplinterView(request.subarray(0, setBytes.length))
    const frames = { lengths: Uint32Array.of(100), checksums: BigUint64Array.of(1n) }
    await log.append({ ...attempt, refs: [{ segmentId: newSegmentId(systemIdSource), pages, offset: 0, frames }] })
    const record = await log.record(1 as Lsn)
    expect(bufferBytes(record.refs[0]?.pages)).toBeLessThan(1000)
  })

  test('not to the inline frames that were read along', async () => {
    const store = new MemoryStore()
    const { log, other, id } = open(store)
    await log.append(attemptOf(step([1, 2, 3]), 0))
    const record = await other().record(1 as Lsn)
    const object = await store.head(storeKeys.commit(id, 1 as Lsn))
    expect(bufferBytes(record.own)).toBe((object?.size ?? 0) - (record.inline?.byteLength ?? 0))
  })
})

describe('store requests are counted', () => {
  test('a warm commit is one PUT, a warm head one GET', async () => {
    const store = metered(new MemoryStore())
    const { log } = open(store)
    await appendAll(log, 10)
    store.reset()
    await log.append(attemptOf(step([4], 50), 10))
    expect(store.counts).toMatchObject({ create: 1, get: 0, put: 0, head: 0, list: 0 })
    store.reset()
    expect((await log.head())?.lsn).toBe(11)
    expect(store.counts).toMatchObject({ get: 1, list: 0 })
  })

  test('a cold pull reads a logarithm of the history, a warm one nothing beside the head', async () => {
    const store = metered(new MemoryStore())
    const { log, other } = open(store)
    await appendAll(log, 1000)
    const cold = other()
    await cold.head()
    store.reset()
    await cold.pull(1 as Lsn)
    expect(store.counts.get).toBeLessThanOrEqual(21)
    expect(store.counts.list).toBe(0)
    for (const since of [1, 2, 499, 500, 511, 512, 999, 1000]) {
      store.reset()
      expect((await cold.pull(since as Lsn)).head.lsn).toBe(1000)
      expect([since, store.counts.get]).toEqual([since, 1])
    }
  })

  test('two logs that take turns find each other', async () => {
    const { log, other } = open(new MemoryStore())
    const second = other()
    for (let i = 0; i < 20; i += 2) {
      await log.append(attemptOf(step([1], 50), i))
      expect((await second.head())?.lsn).toBe(i + 1)
      await second.append(attemptOf(step([2], 50), i + 1))
    }
    expect((await log.head())?.lsn).toBe(20)
  })
})

/** A store whose gets wait until they are let go. */
function heldGets(inner: ObjectStore) {
  const waiting: (() => void)[] = []
  let isHeld = false
  const store: ObjectStore = Object.assign(Object.create(inner) as ObjectStore, {
    capabilities: inner.capabilities,
    create: inner.create.bind(inner),
    put: inner.put.bind(inner),
    get: async (key: string, options?: GetOptions) => {
      if (isHeld) await new Promise<void>((resolve) => waiting.push(resolve))
      return inner.get(key, options)
    },
  })
  const hold = (): void => {
    isHeld = true
  }
  const release = (): void => {
    isHeld = false
    for (const go of waiting.splice(0)) go()
  }
  return { store, hold, release, waiting }
}

describe('refreshes of the head are shared', () => {
  test('a hundred pulls at once are two reads', async () => {
    const store = metered(new MemoryStore())
    const { log } = open(store)
    await appendAll(log, 5)
    store.reset()
    const pulls = await Promise.all(Array.from({ length: 100 }, () => log.pull(2 as Lsn)))
    expect(pulls.map(({ head }) => head.lsn)).toEqual(Array.from({ length: 100 }, () => 5))
    expect(store.counts.get).toBe(2)
  })

  test('no call gets an answer that was read before it came', async () => {
    const inner = new MemoryStore()
    const { store, hold, release } = heldGets(inner)
    const { log, id } = open(store)
    await appendAll(log, 1)
    hold()
    const early = log.head()
    const another = createCommitLogs({ store: inner, nowMs: () => 7, codec: rawCodec }).volume(id)
    await another.append(attemptOf(step([2], 50), 1))
    // The early one asked the store before; this one comes after the commit was acknowledged.
    const late = log.head()
    release()
    expect((await late)?.lsn).toBe(2)
    await early
  })

  test('who gives up is let go, and nobody else', async () => {
    const { store, hold, release } = heldGets(new MemoryStore())
    const { log } = open(store)
    await appendAll(log, 1)
    hold()
    const leaving = new AbortController()
    const [impatient, patient] = [log.head({ signal: leaving.signal }), log.head()]
    leaving.abort()
    await expect(impatient).rejects.toMatchObject({ code: 'LOG_ABORTED', kind: 'aborted' })
    release()
    expect((await patient)?.lsn).toBe(1)
  })
})

describe('a commit by time', () => {
  async function logWithTimes(times: readonly number[]) {
    const store = metered(new MemoryStore())
    const clock = { ms: 0 }
    const log = createCommitLogs({ store, nowMs: () => clock.ms, codec: rawCodec }).volume(volumeId())
    for (const [i, time] of times.entries()) {
      clock.ms = time
      await log.append(attemptOf(step([1 + (i % 50)], 50), i))
    }
    return { log, store }
  }

  test('is the newest at or before it', async () => {
    const times = Array.from({ length: 300 }, (_, i) => 100 + 10 * Math.floor(i / 3))
    const { log, store } = await logWithTimes(times)
    for (let time = 90; time <= 1110; time += 5) {
      const expected = times.filter((at) => at <= time).length
      expect([time, (await log.recordAt(time))?.lsn ?? 0]).toEqual([time, expected])
    }
    store.reset()
    await log.recordAt(333)
    expect(store.counts.get).toBe(1)
  })

  test('a clock that went back is not found in the log', async () => {
    const { log } = await logWithTimes([100, 50, 200])
    expect((await log.recordAt(99))?.lsn).toBeUndefined()
    expect((await log.recordAt(100))?.lsn).toBe(2)
  })

  test('of an unknown volume there is none', async () => {
    await expect(open(new MemoryStore()).log.recordAt(1)).rejects.toMatchObject({ code: 'VOLUME_UNKNOWN' })
  })
})

test('who listens is told of each newer commit that is seen, once, and may fail', async () => {
  const store = new MemoryStore()
  const id = volumeId()
  const logs = createCommitLogs({ store, nowMs: () => 7, codec: rawCodec })
  const seen: number[] = []
  const stop = logs.onAdvance((volume, lsn) => {
    expect(volume).toBe(id)
    seen.push(lsn)
    throw new Error('a listener that fails')
  })
  const log = logs.volume(id)
  await appendAll(log, 2)
  const other = createCommitLogs({ store, nowMs: () => 7, codec: rawCodec }).volume(id)
  for (let base = 2; base < 5; base++) await other.append(attemptOf(step([1], 50), base))
  await log.head()
  await log.head()
  stop()
  await log.append(attemptOf(step([1], 50), 5))
  expect(seen).toEqual([1, 2, 3, 5])
})

describe('the head hint is never believed', () => {
  test.each([
    ['ahead of the head', encodeHeadHint(900 as Lsn)],
    ['behind', encodeHeadHint(2 as Lsn)],
    ['damaged', Uint8Array.of(1, 2, 3)],
  ])('%s', async (_, hint) => {
    const store = new MemoryStore()
    const { log, other, id } = open(store)
    await appendAll(log, 70)
    await store.put(storeKeys.head(id), hint)
    expect((await other().head())?.lsn).toBe(70)
  })

  test('a volume without commits costs one read, and the hint and the horizon the first time', async () => {
    const store = metered(new MemoryStore())
    const { log, other, id } = open(store)
    expect(await log.head()).toBeUndefined()
    expect(store.counts.get).toBe(3)
    store.reset()
    expect(await log.head()).toBeUndefined()
    expect(store.counts.get).toBe(1)
    await appendAll(other(), 3)
    expect((await log.head())?.lsn).toBe(3)
    // A hint ahead of everything is not believed either.
    await store.put(storeKeys.head(id), encodeHeadHint(900 as Lsn))
    expect((await other().head())?.lsn).toBe(3)
  })

  test('an unknown volume has no head', async () => {
    const { log } = open(new MemoryStore())
    expect(await log.head()).toBeUndefined()
    await expect(log.head({ atLeast: 1 as Lsn })).rejects.toMatchObject({ code: 'VOLUME_UNKNOWN' })
    await expect(log.record(1 as Lsn)).rejects.toMatchObject({ code: 'VOLUME_UNKNOWN' })
    await expect(log.record(0 as Lsn)).rejects.toMatchObject({ code: 'VOLUME_UNKNOWN' })
  })
})

describe('I11: stored bytes are checked before they are believed', () => {
  test('a flipped bit anywhere in a record is an error, and nothing else is lost', async () => {
    const store = new MemoryStore()
    const { log, other, id } = open(store)
    await appendAll(log, 4)
    const key = storeKeys.commit(id, 3 as Lsn)
    const whole = (await store.get(key))?.bytes as Uint8Array
    const record = await log.record(3 as Lsn)
    for (let i = 0; i < whole.length - (record.inline?.byteLength ?? 0); i++) {
      const damaged = Uint8Array.from(whole)
      damaged[i] = (damaged[i] as number) ^ 4
      await store.put(key, damaged)
      await expect(other().record(3 as Lsn)).rejects.toMatchObject({ kind: 'corrupt' })
    }
    expect((await other().record(2 as Lsn)).lsn).toBe(2)
  })

  test('a record of another place or volume is an error', async () => {
    const store = new MemoryStore()
    const { log, other, id } = open(store)
    await appendAll(log, 3)
    const second = (await store.get(storeKeys.commit(id, 2 as Lsn)))?.bytes as Uint8Array
    await store.put(storeKeys.commit(id, 3 as Lsn), second)
    await expect(other().record(3 as Lsn)).rejects.toMatchObject({ code: 'COMMIT_FOREIGN', kind: 'corrupt' })
  })

  test('a truncated record is an error', async () => {
    const store = new MemoryStore()
    const { log, other, id } = open(store)
    await appendAll(log, 1)
    const key = storeKeys.commit(id, 1 as Lsn)
    const whole = (await store.get(key))?.bytes as Uint8Array
    for (const length of [0, 1, 20, 30]) {
      await store.put(key, whole.subarray(0, length))
      await expect(other().record(1 as Lsn)).rejects.toMatchObject({ code: 'RECORD_TRUNCATED', kind: 'corrupt' })
    }
  })
})
