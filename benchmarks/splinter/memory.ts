import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

/**
 * Bytes that a set takes, on average over many of a workload: on the engine's heap, in array buffers, and where a contender has
 * them. Measured in a process of its own, so that nothing else lies about.
 *
 * @param contender Its name; what memory-child.ts knows.
 * @param workload Index into the workloads.
 */
export function memoryPerSet(contender: string, workload: number): number {
  const args = ['--expose-gc', '--conditions=@graft-ts/source', join(import.meta.dirname, 'memory-child.ts')]
  const { status, stdout, stderr } = spawnSync(process.execPath, [...args, contender, String(workload)], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`memory of ${contender} could not be measured: ${stderr}`)
  return Number(stdout)
}
