// Commit log: pulls and commits at a long history, against the least that each could cost.
import { join } from 'node:path'
import { type CommitAttempt, type CommitLog, createCommitLogs } from '@graft-ts/commit-log'
import { Splinter } from '@graft-ts/splinter'
import type { ObjectStore } from '@graft-ts/storage-adapters'
import { FsStore } from '@graft-ts/storage-adapters/fs'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import { type CommitRecord, encodeCommit, type Lsn, newVolumeId, storeKeys, systemIdSource } from '@graft-ts/volume'
import { median, timeSideBySide } from '../harness/side-by-side.ts'
import type { BenchmarkContext, Measurement, Subject } from '../harness/subject.ts'
import { seeded } from '../splinter/random.ts'
import { append, appendUpTo, CommitMaker, PAGES } from './history.ts'
import { recordSizes } from './record-sizes.ts'
import { roundTrips } from './round-trips.ts'

const SHORT = 10_000
const LONG = 1_000_000
const PULLS = 300
const COMMITS = 2000
const ROUNDS = 5
const PULL_TARGET = 0.5
const COMMIT_TARGET = 0.4
// Answers of one size have to cost the same at both lengths, within this factor.
const GROWTH_MAX = 1.5

export const subject: Subject = {
  description: `commits of 1 to 50 pages over ${PAGES} pages: pulls and commits, against the least that each could cost`,
  run: async (context) => {
    const store = new MemoryStore()
    const volumeId = newVolumeId(systemIdSource)
    const log = createCommitLogs({ store }).volume(volumeId)
    const maker = new CommitMaker(1)
    const rows: Measurement[] = []
    context.progress(`a history of ${SHORT} commits`)
    await appendUpTo(log, maker, SHORT)
    const short = await pullTimes(log, SHORT)
    context.progress(`a history of ${LONG} commits`)
    await appendUpTo(log, maker, LONG)
    rows.push(...(await warmPulls(log, LONG)))
    rows.push(...growthRows(short, await pullTimes(log, LONG)))
    rows.push(...(await recordSizes(log, LONG)))
    rows.push(...(await roundTrips({ store, volumeId, head: LONG })))
    for (const kind of ['memory', 'files, no fsync', 'files, fsync'] as const) rows.push(await commitRow(context, kind))
    return rows
  },
}

/** One pull, encoded as its answer would be. */
async function pullBytes(log: CommitLog, since: number): Promise<Uint8Array> {
  return (await log.pull(since as Lsn)).changes.pages.toBytes()
}

/** Pulls from anywhere, against encoding their own answers from a sorted array. */
async function warmPulls(log: CommitLog, head: number): Promise<Measurement[]> {
  const random = seeded(7)
  const anywhere = Array.from({ length: PULLS }, () => random(head))
  const distances = [1, 100, 1000, 10_000, 100_000].map((distance) => ({
    name: `${distance} commits`,
    sinces: Array.from({ length: PULLS }, () => head - distance),
  }))
  const rows: Measurement[] = []
  for (const { name, sinces } of [{ name: 'a random LSN', sinces: anywhere }, ...distances]) {
    const times = { ours: [] as number[], baseline: [] as number[] }
    let pages = 0
    for (const since of sinces) {
      const start = performance.now()
      const bytes = await pullBytes(log, since)
      times.ours.push(performance.now() - start)
      const members = Splinter.fromBytes(bytes).toUint32Array()
      pages += members.length
      const baselineStart = performance.now()
      Splinter.from(members).toBytes()
      times.baseline.push(performance.now() - baselineStart)
    }
    const isTarget = name === 'a random LSN'
    rows.push({
      case: `warm pull since ${isTarget ? name : `${name} ago`}, ${Math.round(pages / sinces.length)} pages`,
      unit: 'µs',
      better: 'less',
      ours: 1000 * median(times.ours),
      baseline: 1000 * median(times.baseline),
      baselineName: 'sorted array -> bytes',
      target: isTarget ? PULL_TARGET : undefined,
    })
  }
  return rows
}

type PullTimes = ReadonlyMap<number, { readonly pages: number; readonly us: number }>

/** What pulls cost that reach back so many commits. */
async function pullTimes(log: CommitLog, head: number): Promise<PullTimes> {
  const times = new Map<number, { pages: number; us: number }>()
  for (const distance of [1, 10, 100, 1000]) {
    const samples: number[] = []
    let pages = 0
    for (let i = 0; i < PULLS; i++) {
      const start = performance.now()
      const bytes = await pullBytes(log, head - distance)
      samples.push(performance.now() - start)
      pages = Splinter.fromBytes(bytes).size
    }
    times.set(distance, { pages, us: 1000 * median(samples) })
  }
  return times
}

/** What a page of an answer costs after a long history, against a short one. */
function growthRows(short: PullTimes, long: PullTimes): Measurement[] {
  return [...long].map(([distance, { pages, us }]) => {
    const before = short.get(distance) as { pages: number; us: number }
    return {
      case: `warm pull, ${distance} commits back: after ${LONG} against ${SHORT} commits, ${pages} and ${before.pages} pages`,
      unit: 'µs',
      better: 'less',
      ours: us,
      baseline: before.us,
      baselineName: 'short history',
      target: 1 / GROWTH_MAX,
    }
  })
}

type StoreKind = 'memory' | 'files, no fsync' | 'files, fsync'

async function openStore(kind: StoreKind, folder: string): Promise<ObjectStore> {
  if (kind === 'memory') return new MemoryStore()
  return FsStore.open(folder, { fsync: kind === 'files, fsync', createDirectory: true })
}

/** Commits one after the other, against encoding and creating the same records and nothing else. */
async function commitRow({ scratch, progress }: BenchmarkContext, kind: StoreKind): Promise<Measurement> {
  progress(`commits, ${kind}`)
  const commits = kind === 'files, fsync' ? COMMITS / 4 : COMMITS
  const maker = new CommitMaker(3)
  const attempts = Array.from({ length: commits }, (_, i) => maker.next(i as Lsn))
  const records = await recordsOf(attempts)
  const name = kind.replaceAll(/\W+/g, '-')
  const times = await timeSideBySide({
    rounds: ROUNDS,
    ours: async (round) => {
      const store = await openStore(kind, join(scratch, `${name}-${round}-ours`))
      const log = createCommitLogs({ store }).volume(newVolumeId(systemIdSource))
      for (const attempt of attempts) await append(log, attempt)
    },
    baseline: async (round) => {
      const store = await openStore(kind, join(scratch, `${name}-${round}-bare`))
      for (const record of records) await store.create(storeKeys.commit(record.volumeId, record.lsn), encodeCommit(record))
    },
  })
  return {
    case: `${commits} commits, ${kind}`,
    unit: 'commits/s',
    better: 'more',
    ours: commits / (times.ours / 1000),
    baseline: commits / (times.baseline / 1000),
    baselineName: 'encode, create',
    // Without a disk, what is compared is how long a record takes to make.
    target: kind === 'memory' ? undefined : COMMIT_TARGET,
  }
}

async function recordsOf(attempts: readonly CommitAttempt[]): Promise<CommitRecord[]> {
  const log = createCommitLogs({ store: new MemoryStore() }).volume(newVolumeId(systemIdSource))
  for (const attempt of attempts) await append(log, attempt)
  return Promise.all(attempts.map((_, i) => log.record((i + 1) as Lsn)))
}
