import { ageOnlyRefSigner, hmacRefSigner, type RefSigner } from '@graft-ts/protocol'
import type { VolumeId } from '@graft-ts/volume'
import { describe, expect, test } from 'vitest'
import { DEFAULT_LIMITS } from '../src/index.ts'
import { commitId, commitMany, commitOf, newVolume, openHarness, refOf, START_MS } from './harness.ts'

const HOUR_MS = 3_600_000
const conflict = (answer: { type: string }) => answer.type === 'conflict'

describe('commit', () => {
  test('the first one creates the volume, the next ones build on it', async () => {
    const { commit, clock } = openHarness()
    const volumeId = newVolume()
    expect(await commit(commitOf(volumeId, 0, { pages: [1, 3] }))).toEqual({
      type: 'committed',
      snapshot: { volumeId, lsn: 1, pageCount: 3, pageSize: 512, timestampMs: START_MS },
    })
    clock.nowMs += 5
    expect(await commit(commitOf(volumeId, 1, { pages: [], own: [], pageCount: 2, floor: 2 }))).toEqual({
      type: 'committed',
      snapshot: { volumeId, lsn: 2, pageCount: 2, pageSize: 512, timestampMs: START_MS + 5 },
    })
  })

  test('pages that a page store holds are committed by signed ref', async () => {
    const keys = [{ id: 'k', secret: new Uint8Array(32).fill(1) }]
    const refs = hmacRefSigner({ keys, nowMs: () => START_MS })
    const { commit, pull } = openHarness({ refs })
    const volumeId = newVolume()
    const signed = await refs.sign(refOf([4, 5, 6]), { volumeId, principal: 'everybody' })
    expect(await commit(commitOf(volumeId, 0, { pages: [], own: [4, 6], refs: [signed] }))).toMatchObject({ type: 'committed' })
    expect([...(await pull(volumeId, 0)).changes.pages]).toEqual([4, 6])
  })

  test('is told to the log, once it is decided', async () => {
    const { commit, events } = openHarness()
    const volumeId = newVolume()
    const request = commitOf(volumeId, 0, { pages: [1, 2] })
    await commit(request)
    await commit(commitOf(volumeId, 0))
    expect(events).toEqual([
      expect.objectContaining({
        type: 'commit-accepted',
        volumeId,
        baseLsn: 0,
        lsn: 1,
        principal: 'everybody',
        refs: 0,
        inlineBytes: 1024,
      }),
      expect.objectContaining({ type: 'commit-conflicted', volumeId, baseLsn: 0, headLsn: 1, principal: 'everybody' }),
    ])
  })

  test('a log that throws does not harm', async () => {
    const { commit } = openHarness({
      log: () => {
        throw new Error('disk full')
      },
    })
    expect(await commit(commitOf(newVolume(), 0))).toMatchObject({ type: 'committed' })
  })
})

describe('I2: one history', () => {
  test('of many racers on one base, over several processes, exactly one wins and the others learn what changed (I7)', async () => {
    const harness = openHarness()
    const volumeId = newVolume()
    await commitMany(harness, volumeId, 3)
    const nodes = Array.from({ length: 6 }, () => harness.other())
    const requests = nodes.map((_, i) => commitOf(volumeId, 3, { pages: [10 + i], pageCount: 50 }))
    const answers = await Promise.all(nodes.map((node, i) => node.commit(requests[i] as (typeof requests)[0])))
    const winners = answers.flatMap((answer, i) => (answer.type === 'committed' ? [i] : []))
    expect(winners).toHaveLength(1)
    const winner = winners[0] as number
    for (const answer of answers.filter(conflict)) {
      expect(answer).toMatchObject({ type: 'conflict', snapshot: { lsn: 4 } })
      if (answer.type !== 'conflict') continue
      expect([...answer.changes.pages]).toEqual([10 + winner])
      expect(answer.commitIdAfterBase).toBeDefined()
    }
    const head = await harness.pull(volumeId, 3)
    expect(head.snapshot.lsn).toBe(4)
    expect([...head.changes.pages]).toEqual([10 + winner])
  })

  test('a base that does not exist yet is refused', async () => {
    const harness = openHarness()
    const volumeId = newVolume()
    await expect(harness.commit(commitOf(volumeId, 4))).rejects.toMatchObject({ kind: 'missing', code: 'VOLUME_UNKNOWN' })
    await commitMany(harness, volumeId, 2)
    await expect(harness.commit(commitOf(volumeId, 4, { pageCount: 50 }))).rejects.toMatchObject({
      kind: 'missing',
      code: 'LSN_FUTURE',
    })
  })
})

describe('I7: a conflict answer is complete', () => {
  test('snapshot, changes with floor, and who took the place', async () => {
    const { commit, other } = openHarness()
    const volumeId = newVolume()
    await commit(commitOf(volumeId, 0, { pages: [1, 2, 3], pageCount: 9 }))
    const taker = commitId()
    await commit(commitOf(volumeId, 1, { pages: [2], pageCount: 4, floor: 2, commitId: taker }))
    await commit(commitOf(volumeId, 2, { pages: [4], pageCount: 4 }))
    for (const node of [other(), other()]) {
      const answer = await node.commit(commitOf(volumeId, 1, { pages: [9] }))
      expect(answer).toMatchObject({
        type: 'conflict',
        snapshot: { volumeId, lsn: 3, pageCount: 4, pageSize: 512 },
        changes: { floor: 2 },
        commitIdAfterBase: taker,
      })
      expect(answer.type === 'conflict' && [...answer.changes.pages]).toEqual([2, 4])
    }
  })

  test('base 0 on a volume that exists, also with another page size', async () => {
    const harness = openHarness()
    const volumeId = newVolume()
    await commitMany(harness, volumeId, 2)
    const request = { ...commitOf(volumeId, 0), pageSize: 1024, inline: undefined } as unknown as ReturnType<typeof commitOf>
    for (const node of [harness, harness.other()]) {
      expect(await node.commit(commitOf(volumeId, 0))).toMatchObject({ type: 'conflict', snapshot: { lsn: 2, pageSize: 512 } })
      expect(await node.commit(request)).toMatchObject({ type: 'conflict', snapshot: { lsn: 2, pageSize: 512 } })
    }
  })
})

describe('I6: a repeated attempt finds its own commit', () => {
  test('after its reply was lost and others committed on top, on any process', async () => {
    const harness = openHarness()
    const volumeId = newVolume()
    await commitMany(harness, volumeId, 1)
    const request = commitOf(volumeId, 1, { pages: [7], pageCount: 50 })
    const first = await harness.commit(request)
    await commitMany(harness, volumeId, 5, 2)
    for (const node of [harness, harness.other(), harness.other()]) expect(await node.commit(request)).toEqual(first)
    expect((await harness.pull(volumeId, 0)).snapshot.lsn).toBe(7)
  })

  test('sent twice at the same time, to two processes', async () => {
    const harness = openHarness()
    const request = commitOf(newVolume(), 0)
    const answers = await Promise.all([harness, harness.other(), harness.other()].map((node) => node.commit(request)))
    for (const answer of answers) expect(answer).toMatchObject({ type: 'committed', snapshot: { lsn: 1 } })
  })

  describe.each<[string, (nowMs: () => number) => RefSigner]>([
    ['HMAC', (nowMs) => hmacRefSigner({ keys: [{ id: 'k', secret: new Uint8Array(32).fill(1) }], nowMs })],
    ['age only', (nowMs) => ageOnlyRefSigner({ nowMs })],
  ])('refs that have expired, %s', (_, signerOf) => {
    async function setUp() {
      const clock = { nowMs: START_MS }
      const refs = signerOf(() => clock.nowMs)
      const harness = openHarness({ refs })
      const volumeId = newVolume()
      await commitMany(harness, volumeId, 1)
      const signed = await refs.sign(refOf([3]), { volumeId, principal: 'everybody' })
      return { harness, volumeId, clock, request: commitOf(volumeId, 1, { pages: [], own: [3], pageCount: 50, refs: [signed] }) }
    }

    test('on a repeat are answered with the commit', async () => {
      const { harness, clock, request, volumeId } = await setUp()
      const first = await harness.commit(request)
      clock.nowMs += HOUR_MS + 1
      expect(await harness.commit(request)).toEqual(first)
      await commitMany(harness, volumeId, 3, 2)
      expect(await harness.other().commit(request)).toEqual(first)
    })

    test('where another commit took the place are answered with the conflict', async () => {
      const { harness, clock, request, volumeId } = await setUp()
      await commitMany(harness, volumeId, 2, 1)
      clock.nowMs += HOUR_MS + 1
      for (const node of [harness, harness.other()]) {
        const answer = await node.commit(request)
        expect(answer).toMatchObject({ type: 'conflict', snapshot: { lsn: 3 } })
        expect(answer.type === 'conflict' && [...answer.changes.pages]).toEqual([2, 3])
      }
    })

    test('where the place is free are refused', async () => {
      const { harness, clock, request } = await setUp()
      clock.nowMs += HOUR_MS + 1
      await expect(harness.commit(request)).rejects.toMatchObject({ kind: 'missing', code: 'REFS_EXPIRED' })
    })
  })

  test.each<[string, object, string]>([
    ['smaller limits', { limits: { ...DEFAULT_LIMITS, inlineBytesMax: 0 } }, 'INLINE_TOO_LARGE'],
    ['fewer pages', { limits: { ...DEFAULT_LIMITS, pagesMax: 1 } }, 'SET_TOO_LARGE'],
  ])('%s by the time of the repeat', async (_, options, code) => {
    const harness = openHarness()
    const volumeId = newVolume()
    const request = commitOf(volumeId, 0, { pages: [1, 2] })
    const first = await harness.commit(request)
    const stricter = harness.other(options)
    expect(await stricter.commit(request)).toEqual(first)
    await expect(stricter.commit(commitOf(volumeId, 1, { pages: [1, 2] }))).rejects.toMatchObject({ kind: 'exhausted', code })
  })

  test('a repeat that arrives damaged still finds it: only the names count', async () => {
    const harness = openHarness()
    const volumeId = newVolume()
    const request = commitOf(volumeId, 0)
    const first = await harness.commit(request)
    expect(await harness.other().commit({ ...request, own: Uint8Array.of(1, 2, 3), pageSize: 3 })).toEqual(first)
  })
})

describe('store requests are counted', () => {
  test('a warm commit is one creation and nothing else', async () => {
    const harness = openHarness()
    const { store, commit } = harness
    const volumeId = newVolume()
    await commitMany(harness, volumeId, 10)
    for (let base = 10; base < 40; base++) {
      store.reset()
      await commit(commitOf(volumeId, base, { pages: [3], pageCount: 50 }))
      expect(store.counts).toMatchObject({ create: 1, get: 0, head: 0, put: 0, list: 0 })
    }
  })

  test('a commit with refs costs no more', async () => {
    const harness = openHarness()
    const volumeId: VolumeId = newVolume()
    await commitMany(harness, volumeId, 3)
    const signer = ageOnlyRefSigner({ nowMs: () => START_MS })
    const refs = await Promise.all(
      [[1, 2], [3], [4, 5]].map((pages) => signer.sign(refOf(pages), { volumeId, principal: 'everybody' })),
    )
    harness.store.reset()
    await harness.commit(commitOf(volumeId, 3, { pages: [], own: [1, 2, 3, 4, 5], pageCount: 50, refs }))
    expect(harness.store.counts).toMatchObject({ create: 1, get: 0, head: 0, put: 0, list: 0 })
  })

  test('a refusal costs one read at most', async () => {
    const harness = openHarness()
    const volumeId = newVolume()
    await commitMany(harness, volumeId, 3)
    harness.store.reset()
    const forged = { ...commitOf(volumeId, 3), own: Uint8Array.of(1) }
    await expect(harness.commit(forged)).rejects.toMatchObject({ kind: 'invalid' })
    expect(harness.store.counts).toMatchObject({ create: 0, get: 1, head: 0, put: 0, list: 0 })
  })
})
