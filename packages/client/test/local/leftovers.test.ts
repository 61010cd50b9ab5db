import { type Lsn, newVolumeId, parsePageSize, type Snapshot } from '@graft-ts/volume'
import { describe, expect, test } from 'vitest'
import { Batch } from '../../src/local/batch.ts'
import { type EndedEntry, EndedIndex } from '../../src/local/ended-index.ts'
import { VolumeKeys } from '../../src/local/keys.ts'
import { Leftovers } from '../../src/local/leftovers.ts'
import type { View } from '../../src/local/pins.ts'
import type { VolumeWriter } from '../../src/local/volume-writer.ts'
import { countingIdSource } from '../harness.ts'

const lsn = (value: number): Lsn => value as Lsn
const ended = (from: number, to: number, content: EndedEntry['content'] = 'stored'): EndedEntry => ({
  from: lsn(from),
  to: lsn(to),
  content,
})

describe('an index of entries that have ended', () => {
  test('I4: finds the version that holds, and nothing between versions', () => {
    const index = new EndedIndex()
    index.add(1, ended(2, 3))
    index.add(1, ended(6, 7, 'zero'))
    index.add(2, ended(1, 9, 4))
    expect([1, 2, 3, 4, 5, 6, 7, 8].map((at) => index.find(1, lsn(at))?.from)).toEqual([
      undefined,
      2,
      2,
      undefined,
      undefined,
      6,
      6,
      undefined,
    ])
    expect(index.find(3, lsn(2))).toBeUndefined()
  })

  test('says one thing of each version, and forgets what is gone', () => {
    const index = new EndedIndex()
    index.add(1, ended(2, 9))
    index.add(1, ended(2, 3, 4))
    expect([index.find(1, lsn(3)), index.find(1, lsn(9))]).toEqual([ended(2, 3, 4), undefined])
    index.add(1, ended(5, 6))
    index.remove(1, lsn(2))
    expect([index.find(1, lsn(3)), index.find(1, lsn(6))]).toEqual([undefined, ended(5, 6)])
    index.remove(1, lsn(5))
    index.remove(1, lsn(5))
    expect(index.find(1, lsn(6))).toBeUndefined()
    index.add(2, ended(1, 1))
    index.clear()
    expect(index.find(2, lsn(1))).toBeUndefined()
  })
})

describe('what is kept for open views', () => {
  const volumeId = newVolumeId(countingIdSource())
  const viewAt = (at: number): View => {
    const base: Snapshot = { volumeId, lsn: lsn(at), pageCount: 9, pageSize: parsePageSize(512), timestampMs: 0 }
    return { base, pending: [], pageCount: 9 }
  }
  const keys = new VolumeKeys(volumeId)
  const open = () => {
    // Whether the record is there by which the next owner knows that it has to clear away.
    let isDirty = false
    const write = (batch: Batch): void => {
      for (const { type, key } of batch.operations) if (key === keys.dirty) isDirty = type === 'put'
      batch.done()
    }
    const writer = { write: async (batch: Batch) => write(batch), ledger: { released: () => undefined } }
    const leftovers = new Leftovers(writer as unknown as VolumeWriter, keys)
    return {
      leftovers,
      write,
      isDirty: () => isDirty,
      retire: (pageIndex: number, entry: EndedEntry, isWritten = true): void => {
        const batch = new Batch()
        const key = keys.endedEntry(pageIndex, entry.from)
        const isNeededBy = ({ base }: View): boolean => entry.from <= base.lsn && base.lsn <= entry.to
        leftovers.retireEnded({ key, bytes: 1, ended: { pageIndex, from: entry.from } }, entry, isNeededBy, batch)
        if (isWritten) write(batch)
      },
    }
  }

  test('is found before its batch is done, and no longer than a view needs it', async () => {
    const { leftovers, retire } = open()
    const [older, newer] = [viewAt(1), viewAt(5)]
    leftovers.pin(older)
    leftovers.pin(newer)
    retire(1, ended(1, 2))
    retire(2, ended(1, 5))
    retire(3, ended(5, 5), false)
    const found = (): unknown[] =>
      [1, 2, 3].map((pageIndex) => leftovers.ended.find(pageIndex, lsn(pageIndex === 3 ? 5 : 1))?.from)
    expect(found()).toEqual([1, 1, 5])
    await leftovers.unpin(older)
    expect(found()).toEqual([undefined, 1, 5])
    // With the last view goes also what a failed batch was to write.
    await leftovers.unpin(newer)
    expect(found()).toEqual([undefined, undefined, undefined])
  })

  test('is marked for the next owner in each batch that leaves something, until nothing is left', async () => {
    const { leftovers, retire, isDirty } = open()
    const [older, newer] = [viewAt(1), viewAt(5)]
    leftovers.pin(older)
    leftovers.pin(newer)
    // The batch that says it first fails.
    retire(1, ended(1, 2), false)
    expect(isDirty()).toBe(false)
    retire(1, ended(1, 2))
    retire(2, ended(3, 5))
    expect(isDirty()).toBe(true)
    await leftovers.unpin(older)
    expect(isDirty()).toBe(true)
    await leftovers.unpin(newer)
    expect(isDirty()).toBe(false)
    // And again.
    leftovers.pin(newer)
    retire(1, ended(4, 5))
    expect(isDirty()).toBe(true)
    await leftovers.unpin(newer)
    expect(isDirty()).toBe(false)
  })

  test('stays marked while pages lie there of a local commit that is not visible', async () => {
    const { leftovers, retire, write, isDirty } = open()
    const view = viewAt(1)
    const unfinished = (sequence: number): void => {
      const batch = new Batch()
      leftovers.addUnfinished(sequence, [{ key: keys.localPage(sequence, 1), bytes: 1 }], batch)
      write(batch)
    }
    leftovers.pin(view)
    retire(1, ended(1, 2))
    unfinished(7)
    await leftovers.unpin(view)
    expect([isDirty(), leftovers.hasUnfinished]).toEqual([true, true])
    unfinished(8)
    leftovers.finish([7])
    expect(leftovers.hasUnfinished).toBe(true)
    await leftovers.dropInvisible([])
    expect([isDirty(), leftovers.hasUnfinished]).toEqual([false, false])
  })
})
