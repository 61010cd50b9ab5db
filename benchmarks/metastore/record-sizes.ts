import type { CommitLog } from '@graft-ts/commit-log'
import { encodeCommit, type Lsn } from '@graft-ts/volume'
import type { Measurement } from '../harness/subject.ts'
import { seeded } from '../splinter/random.ts'

const SAMPLES = 20_000

/** Bytes of commit records with their rollup layers, against the same records without. */
export async function recordSizes(log: CommitLog, head: number): Promise<Measurement[]> {
  const random = seeded(11)
  const whole: number[] = []
  const plain: number[] = []
  for (let i = 0; i < SAMPLES; i++) {
    const record = await log.record((1 + random(head)) as Lsn)
    whole.push(encodeCommit(record).length)
    plain.push(encodeCommit({ ...record, layers: [] }).length)
  }
  // The largest are so few that a sample would miss them: those whose LSN many powers of two divide.
  let largest = 0
  for (let span = 2 ** 10; span <= head; span *= 2) {
    for (let lsn = span; lsn <= head; lsn += 2 * span) {
      largest = Math.max(largest, encodeCommit(await log.record(lsn as Lsn)).length)
    }
  }
  const row = (name: string, ours: number, baseline: number): Measurement => ({
    case: `bytes of a commit record with its rollup, ${name}`,
    unit: 'bytes',
    better: 'less',
    ours,
    baseline,
    baselineName: 'without rollup',
  })
  return [
    row('average', mean(whole), mean(plain)),
    row('99th percentile', percentile(whole, 0.99), percentile(plain, 0.99)),
    row('largest of all', largest, Math.max(...plain)),
  ]
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function percentile(values: readonly number[], part: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(part * (values.length - 1))] as number
}
