import { cpus } from 'node:os'

/** Where and when something was measured: without it a number says little. */
export interface Machine {
  /** ISO 8601, in UTC. */
  readonly date: string
  readonly processor: string
  readonly processors: number
  readonly platform: string
  readonly node: string
}

/** Describes this machine. */
export function describeMachine(now: Date): Machine {
  const processors = cpus()
  return {
    date: now.toISOString(),
    processor: processors[0]?.model.trim() ?? 'unknown',
    processors: processors.length,
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
  }
}
