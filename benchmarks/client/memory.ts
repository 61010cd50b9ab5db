import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import type { BenchmarkContext, Measurement } from '../harness/subject.ts'

const PAGES = 100_000
const MEBIBYTE = 2 ** 20
const TARGET = 0.8

/** What cached pages take in memory, against the bare pages in a Map; each in a process of its own. */
export function memoryRow({ scratch, progress }: BenchmarkContext): Measurement {
  progress(`memory of ${PAGES} cached pages`)
  const bytesOf = (side: 'map' | 'client'): number => {
    const args = ['--expose-gc', '--conditions=@graft-ts/source', join(import.meta.dirname, 'memory-child.ts')]
    const { status, stdout, stderr } = spawnSync(process.execPath, [...args, side, join(scratch, 'memory'), String(PAGES)], {
      encoding: 'utf8',
    })
    if (status !== 0) throw new Error(`memory could not be measured: ${stderr}`)
    return Number(stdout)
  }
  return {
    ...{ case: `memory of ${PAGES} cached pages`, unit: 'MiB', better: 'less', target: TARGET },
    ...{ ours: bytesOf('client') / MEBIBYTE, baseline: bytesOf('map') / MEBIBYTE },
    baselineName: 'the pages in a Map',
  }
}
