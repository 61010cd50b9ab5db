import type { PullAnswer } from '@graft-ts/protocol'
import { Splinter } from '@graft-ts/splinter'
import { type Lsn, newVolumeId, parsePageSize, type Snapshot, systemIdSource } from '@graft-ts/volume'
import { describe, expect, test } from 'vitest'
import type { LocalCommit } from '../../src/state/local-commit.ts'
import { firstOverlap, type VolumeState } from '../../src/state/volume-state.ts'

const volumeId = newVolumeId(systemIdSource)
const snapshot = (lsn: number, pageCount: number): Snapshot => ({
  ...{ volumeId, lsn: lsn as Lsn, pageCount, pageSize: parsePageSize(512), timestampMs: 0 },
})

const commit = (sequence: number, options: { own: number[]; pageCount: number; usesPageCount: boolean }): LocalCommit => ({
  ...{
    sequence,
    ...options,
    own: Splinter.from(options.own),
    reads: new Splinter(),
    floor: undefined,
    isolation: 'serializable',
  },
})

/** The first pending commit that overlaps, where others have changed page 1 and left that many pages. */
function firstWhere(basePages: number, remotePages: number, pending: readonly LocalCommit[]): number | undefined {
  const answer: PullAnswer = { snapshot: snapshot(2, remotePages), changes: { pages: Splinter.from([1]), floor: undefined } }
  const state: VolumeState = {
    ...{ pageSize: parsePageSize(512), base: snapshot(1, basePages), pending, nextSequence: 9, sent: [], isRefused: false },
    ...{ uploads: [], remote: undefined, divergence: undefined, confirmedAtMs: undefined },
  }
  return firstOverlap(state, answer)
}

describe('length as data, transaction by transaction', () => {
  const grows = commit(1, { own: [10], pageCount: 10, usesPageCount: false })
  const measures = commit(2, { own: [3], pageCount: 10, usesPageCount: true })

  test('a length that an earlier one makes the same either way has not changed', () => {
    expect(firstWhere(5, 8, [grows, measures])).toBeUndefined()
  })

  test('one that is still another has', () => {
    expect(firstWhere(5, 12, [grows, measures])).toBe(1)
    expect(firstWhere(5, 8, [measures])).toBe(0)
  })
})
