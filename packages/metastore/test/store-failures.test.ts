import { StoreError, type StoreErrorCode } from '@graft-ts/storage-adapters'
import { idToBytes } from '@graft-ts/volume'
import { describe, expect, test } from 'vitest'
import { type Faults, faulty } from './faulty-store.ts'
import { commitMany, commitOf, firstOf, newVolume, openHarness } from './harness.ts'

/** A volume with three commits over a store whose calls the test makes fail. */
async function open() {
  const faults: Faults = { get: undefined, create: undefined }
  const harness = openHarness({ wrap: (inner) => faulty(inner, faults) })
  const volumeId = newVolume()
  await commitMany(harness, volumeId, 3)
  return { harness, faults, volumeId, request: commitOf(volumeId, 3, { pageCount: 50 }) }
}

const fail = (code: StoreErrorCode, retryAfterMs?: number) => async () => {
  throw new StoreError(code, '/var/lib/graft is in trouble', { retryAfterMs })
}

describe('what the store says is told as far as it is true for the client', () => {
  test.each<[StoreErrorCode, string, string]>([
    ['STORE_UNAVAILABLE', 'unavailable', 'STORE_UNAVAILABLE'],
    ['STORE_THROTTLED', 'exhausted', 'STORE_THROTTLED'],
    ['STORE_CORRUPT', 'corrupt', 'STORE_CORRUPT'],
    ['STORE_DENIED', 'unavailable', 'STORE_FAILED'],
    ['STORE_MISSING', 'unavailable', 'STORE_FAILED'],
    ['STORE_RANGE', 'unavailable', 'STORE_FAILED'],
    ['STORE_UNSUPPORTED', 'unavailable', 'STORE_FAILED'],
    ['STORE_CLOSED', 'unavailable', 'STORE_FAILED'],
  ])('%s, for reads', async (thrown, kind, code) => {
    const { harness, faults, volumeId } = await open()
    faults.get = fail(thrown, 30)
    const { client, events } = harness.other()
    const request = { volumeId: idToBytes(volumeId) }
    const expected = { kind, code, retryAfterMs: code === thrown ? 30 : undefined }
    await expect(client.pull(request)).rejects.toMatchObject(expected)
    await expect(client.getSnapshot(request)).rejects.toMatchObject(expected)
    await expect(firstOf(client.history({ ...request, from: 1n }))).rejects.toMatchObject(expected)
    expect(events).toHaveLength(3)
    for (const event of events) expect(event).toMatchObject({ type: 'request-failed', kind, code, error: { code: thrown } })
    faults.get = undefined
    expect((await harness.other().pull(volumeId, 0)).snapshot.lsn).toBe(3)
  })

  test.each<[StoreErrorCode, string, string]>([
    ['STORE_UNAVAILABLE', 'unavailable', 'STORE_UNAVAILABLE'],
    ['STORE_FULL', 'exhausted', 'STORE_FULL'],
    ['STORE_DENIED', 'unavailable', 'STORE_FAILED'],
    ['STORE_READ_ONLY', 'unavailable', 'STORE_FAILED'],
    ['STORE_UNSUPPORTED', 'unavailable', 'STORE_FAILED'],
  ])('%s, for a commit, which may be sent again (I6)', async (thrown, kind, code) => {
    const { harness, faults, volumeId, request } = await open()
    faults.create = fail(thrown)
    await expect(harness.commit(request)).rejects.toMatchObject({ kind, code })
    faults.create = undefined
    expect((await harness.pull(volumeId, 3)).snapshot.lsn).toBe(3)
    expect(await harness.commit(request)).toMatchObject({ type: 'committed', snapshot: { lsn: 4 } })
  })

  test('a store that slows us down without saying for how long: the client is told to wait, not that it is refused', async () => {
    const { harness, faults, volumeId, request } = await open()
    faults.create = fail('STORE_THROTTLED')
    const told = { kind: 'exhausted', code: 'STORE_THROTTLED', retryAfterMs: 1000 }
    await expect(harness.commit(request)).rejects.toMatchObject(told)
    faults.get = fail('STORE_THROTTLED')
    await expect(harness.other().pull(volumeId, 0)).rejects.toMatchObject(told)
    expect(harness.events.at(-1)).toMatchObject({ type: 'request-failed', code: 'STORE_THROTTLED' })
  })

  test('the text of a refusal, which may tell of this server, stays here', async () => {
    const { harness, faults, volumeId } = await open()
    faults.get = fail('STORE_DENIED')
    const error = await harness.pull(volumeId, 0).catch((thrown: Error) => thrown)
    expect((error as Error).message).not.toContain('/var/lib')
  })

  test('what is no error of a store tells nothing', async () => {
    const { harness, faults, volumeId, request } = await open()
    const bug = async () => {
      throw new TypeError('cannot read secret')
    }
    faults.get = bug
    faults.create = bug
    await expect(harness.pull(volumeId, 0)).rejects.toMatchObject({ kind: 'unavailable', message: 'internal error' })
    await expect(harness.commit(request)).rejects.toMatchObject({ kind: 'unknown', message: 'internal error' })
    const [first] = harness.events.slice(-2)
    expect(first).toMatchObject({ kind: 'untyped', code: 'UNTYPED', error: { message: 'cannot read secret' } })
  })
})

describe('I6: the store does not say whether it wrote', () => {
  test('it did: the commit is found and acknowledged', async () => {
    const { harness, faults, request } = await open()
    faults.create = async (_, run) => {
      await run()
      throw new StoreError('STORE_OUTCOME_UNKNOWN', 'reply lost')
    }
    expect(await harness.commit(request)).toMatchObject({ type: 'committed', snapshot: { lsn: 4 } })
  })

  test('it did, for somebody else: the conflict is complete (I7)', async () => {
    const { harness, faults, volumeId, request } = await open()
    const taker = commitOf(volumeId, 3, { pages: [9], pageCount: 50 })
    faults.create = async () => {
      faults.create = undefined
      await harness.other().commit(taker)
      throw new StoreError('STORE_OUTCOME_UNKNOWN', 'reply lost')
    }
    const answer = await harness.commit(request)
    expect(answer).toMatchObject({ type: 'conflict', snapshot: { lsn: 4 } })
    expect(answer.type === 'conflict' && [...answer.changes.pages]).toEqual([9])
  })

  test('it did not, as far as can be seen: the outcome is unknown, and the same attempt decides it', async () => {
    const { harness, faults, request } = await open()
    faults.create = fail('STORE_OUTCOME_UNKNOWN')
    await expect(harness.commit(request)).rejects.toMatchObject({ kind: 'unknown', code: 'COMMIT_UNDECIDED' })
    faults.create = undefined
    expect(await harness.commit(request)).toMatchObject({ type: 'committed', snapshot: { lsn: 4 } })
  })
})

test('I6: a request is not refused while the store cannot say whether it landed', async () => {
  const { harness, faults, request } = await open()
  await harness.commit(request)
  faults.get = fail('STORE_UNAVAILABLE')
  const damaged = { ...request, own: Uint8Array.of(1) }
  await expect(harness.other().commit(damaged)).rejects.toMatchObject({ kind: 'unavailable', code: 'STORE_UNAVAILABLE' })
  faults.get = undefined
  expect(await harness.other().commit(damaged)).toMatchObject({ type: 'committed', snapshot: { lsn: 4 } })
})

test('I6: a store without room does not refuse a commit that landed while there was some', async () => {
  const { harness, faults, volumeId, request } = await open()
  const repeater = harness.other()
  await repeater.pull(volumeId, 3)
  await harness.commit(request)
  faults.create = fail('STORE_FULL')
  expect(await repeater.commit(request)).toMatchObject({ type: 'committed', snapshot: { lsn: 4 } })
  faults.get = async (key, run) => (key.endsWith('4') ? fail('STORE_UNAVAILABLE')() : run())
  await expect(harness.other().commit(request)).rejects.toMatchObject({ kind: 'unavailable' })
})

test('I11: a damaged record is an error and not an answer', async () => {
  const { harness, volumeId } = await open()
  const [entry] = (await harness.memory.list({ prefix: `volumes/${volumeId}/commits/` })).entries.slice(-1)
  const key = entry?.key as string
  const bytes = (await harness.memory.get(key))?.bytes as Uint8Array
  bytes[30] = (bytes[30] as number) ^ 1
  await harness.memory.put(key, bytes)
  const reader = harness.other()
  await expect(reader.pull(volumeId, 0)).rejects.toMatchObject({ kind: 'corrupt', code: 'RECORD_CHECKSUM' })
  await expect(reader.commit(commitOf(volumeId, 3, { pageCount: 50 }))).rejects.toMatchObject({ kind: 'corrupt' })
})

describe('a client that goes away', () => {
  test('before it was let in: nothing is written', async () => {
    const deciding = Promise.withResolvers<{ id: string }>()
    const harness = openHarness({ authorize: () => deciding.promise })
    const controller = new AbortController()
    const call = harness.client.commit(commitOf(newVolume(), 0), { signal: controller.signal })
    controller.abort()
    await expect(call).rejects.toMatchObject({ kind: 'unknown' })
    deciding.resolve({ id: 'x' })
    await harness.metastore.close()
    expect(harness.store.counts.create).toBe(0)
    expect(harness.events).toEqual([expect.objectContaining({ kind: 'aborted', code: 'REQUEST_ABORTED' })])
  })

  test('while its commit is written: it is written to the end, and a repeat finds it (I6)', async () => {
    const { harness, faults, request } = await open()
    const writing = Promise.withResolvers<void>()
    const held = Promise.withResolvers<void>()
    faults.create = async (_, run) => {
      writing.resolve()
      await held.promise
      return run()
    }
    const controller = new AbortController()
    const call = harness.client.commit(request, { signal: controller.signal })
    await writing.promise
    controller.abort()
    await expect(call).rejects.toMatchObject({ kind: 'unknown' })
    held.resolve()
    await harness.metastore.close()
    expect(await harness.other().commit(request)).toMatchObject({ type: 'committed', snapshot: { lsn: 4 } })
  })
})
