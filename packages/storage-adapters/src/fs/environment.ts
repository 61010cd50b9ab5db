import { randomBytes } from 'node:crypto'
import { type Files, nodeFiles } from './files.ts'
import { currentOwner, type Owner } from './owner.ts'

/** The clocks that waiting and ageing go by. Safety depends on neither. */
export interface Clock {
  /** Milliseconds that never go backwards. */
  nowMs(): number
  /** Milliseconds since 1970, comparable with the times of files. */
  dateMs(): number
  delay(ms: number): Promise<void>
}

/** What the store takes from the system. Tests pass their own, to stop at any call and to play other processes. */
export interface FsEnvironment {
  readonly files: Files
  readonly clock: Clock
  readonly randomBytes: (count: number) => Uint8Array
  /** Tells who this process is, for a store with the given instance name. */
  readonly identify: (instance: string) => Promise<Owner>
}

/** The environment of Node. */
export const nodeEnvironment: FsEnvironment = {
  files: nodeFiles,
  clock: {
    nowMs: () => performance.now(),
    dateMs: () => Date.now(),
    delay: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  },
  randomBytes,
  identify: currentOwner,
}
