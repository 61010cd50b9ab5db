import type { CommitLog } from '@graft-ts/commit-log'
import type { CommitRecord, Lsn } from '@graft-ts/volume'
import { expect, test } from 'vitest'
import { readHistory } from '../src/history.ts'

/** A log of which only single records are asked. */
const logOf = (record: (lsn: Lsn) => Promise<CommitRecord>) => ({ record }) as unknown as CommitLog
const recordOf = (lsn: number) => ({ lsn }) as CommitRecord
const range = { first: 1 as Lsn, last: 100 as Lsn }

test('a read ahead that fails early waits for its turn, and nobody else hears of it', async () => {
  const first = Promise.withResolvers<CommitRecord>()
  const log = logOf((lsn) => (lsn === 1 ? first.promise : Promise.reject(new Error(`no record ${lsn}`))))
  const history = readHistory(log, range, new AbortController().signal)
  const next = history.next()
  // A rejection that nobody had taken care of would end the process before this is over.
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve))
  first.resolve(recordOf(1))
  expect((await next).value).toEqual({ lsn: 1 })
  await expect(history.next()).rejects.toThrow('no record 2')
})

test('stops when its reader is gone, before it asks for more', async () => {
  const asked: number[] = []
  const log = logOf(async (lsn) => {
    asked.push(lsn)
    return recordOf(lsn)
  })
  const controller = new AbortController()
  const history = readHistory(log, range, controller.signal)
  await history.next()
  controller.abort()
  await expect(history.next()).rejects.toMatchObject({ kind: 'aborted', code: 'REQUEST_ABORTED' })
  expect(asked).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
})

test('an empty range asks for nothing', async () => {
  const log = logOf(() => Promise.reject(new Error('asked')))
  const history = readHistory(log, { first: 5 as Lsn, last: 4 as Lsn }, new AbortController().signal)
  expect(await history.next()).toEqual({ done: true, value: undefined })
})
