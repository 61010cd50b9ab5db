import type { KeyRange, LocalOperation, LocalStore } from '@graft-ts/client'
import type { Process } from './process.ts'
import type { Tally } from './tally.ts'

/** What a disk does wrong. */
export interface DiskFaults {
  /** Milliseconds that a call takes at most. */
  readonly usualMs: number
  /** A call fails and has done nothing: the disk is full, or does not answer. */
  readonly failed: number
}

/** What a crash leaves of what was written and not synced. */
export type CrashLoss =
  /** All of it: only the process died. */
  | 'kept'
  /** Nothing: the machine died. */
  | 'lost'
  /** The first of it, whole batches, up to somewhere. */
  | 'torn'

/** What one batch replaced, so that it can be taken back. */
type Undo = readonly (readonly [key: string, before: Uint8Array | undefined])[]

/** A disk of a client: what is on it outlives the process. */
export class LocalDisk {
  readonly #content = new Map<string, Uint8Array>()
  #sortedKeys: string[] | undefined
  /** Batches since the last one that was synced, oldest first. A sync makes all before it durable: they are one log. */
  #unsynced: Undo[] = []
  readonly faults: DiskFaults
  readonly tally: Tally
  isHealed = false

  constructor(faults: DiskFaults, tally: Tally) {
    this.faults = faults
    this.tally = tally
  }

  /** How many keys there are. */
  get size(): number {
    return this.#content.size
  }

  get(key: string): Uint8Array | undefined {
    const found = this.#content.get(key)
    return found === undefined ? undefined : new Uint8Array(found)
  }

  range({ gte, lt }: KeyRange): [string, Uint8Array][] {
    this.#sortedKeys ??= [...this.#content.keys()].sort()
    const keys = this.#sortedKeys
    let low = 0
    for (let high = keys.length; low < high; ) {
      const middle = (low + high) >>> 1
      if ((keys[middle] as string) < gte) low = middle + 1
      else high = middle
    }
    const found: [string, Uint8Array][] = []
    for (; low < keys.length && (keys[low] as string) < lt; low++) {
      const key = keys[low] as string
      found.push([key, this.get(key) as Uint8Array])
    }
    return found
  }

  write(operations: readonly LocalOperation[], sync: boolean): void {
    this.#unsynced.push(operations.map(({ key }) => [key, this.#content.get(key)] as const))
    for (const operation of operations)
      this.#set(operation.key, operation.type === 'put' ? new Uint8Array(operation.value) : undefined)
    if (sync) this.#unsynced = []
  }

  /** The machine or the process dies. Says how many batches are gone. */
  crash(loss: CrashLoss, keep: (batches: number) => number): number {
    const kept = loss === 'kept' ? this.#unsynced.length : loss === 'lost' ? 0 : keep(this.#unsynced.length)
    const gone = this.#unsynced.splice(kept)
    for (const undo of gone.reverse()) {
      for (const [key, before] of [...undo].reverse()) this.#set(key, before)
    }
    // What is found after a restart has been read from the disk.
    this.#unsynced = []
    return gone.length
  }

  #set(key: string, value: Uint8Array | undefined): void {
    if (value === undefined) this.#content.delete(key)
    else this.#content.set(key, value)
    this.#sortedKeys = undefined
  }
}

/** A disk as one process sees it. */
export class DiskStore implements LocalStore {
  readonly #disk: LocalDisk
  readonly #process: Process
  // Events at one moment come in any order; writes do not.
  readonly #writes: (() => void)[] = []
  #lastWriteMs = 0

  constructor(disk: LocalDisk, process: Process) {
    this.#disk = disk
    this.#process = process
  }

  open(): Promise<void> {
    return this.#read('open', () => undefined)
  }

  close(): Promise<void> {
    return this.#read('close', () => undefined)
  }

  get(key: string): Promise<Uint8Array | undefined> {
    return this.#read(`get ${key}`, () => this.#disk.get(key))
  }

  getMany(keys: string[]): Promise<(Uint8Array | undefined)[]> {
    return this.#read(`getMany ${keys.length}`, () => keys.map((key) => this.#disk.get(key)))
  }

  /** Batches take effect in the order of their calls, each at one moment, and are confirmed later. */
  batch(operations: LocalOperation[], options: { readonly sync: boolean }): Promise<void> {
    const process = this.#process
    const { scheduler } = process
    const failure = this.#failure('write failed')
    this.#lastWriteMs = Math.max(this.#lastWriteMs, scheduler.nowMs + this.#delayMs())
    const label = `${process.name} > disk ${options.sync ? 'sync' : 'write'} ${operations.length}`
    return new Promise((resolve, reject) => {
      this.#writes.push(() => {
        if (failure !== undefined) return reject(failure)
        this.#disk.write(operations, options.sync)
        scheduler.after(process, this.#delayMs(), '', resolve)
      })
      scheduler.after(process, this.#lastWriteMs - scheduler.nowMs, label, () => this.#writes.shift()?.())
    })
  }

  async *iterator(range: KeyRange): AsyncGenerator<[string, Uint8Array], void, undefined> {
    yield* await this.#read(`iterator ${range.gte}`, () => this.#disk.range(range))
  }

  async *keys(range: KeyRange): AsyncGenerator<string, void, undefined> {
    const entries = await this.#read(`keys ${range.gte}`, () => this.#disk.range(range))
    yield* entries.map(([key]) => key)
  }

  #read<T>(what: string, effect: () => T): Promise<T> {
    const process = this.#process
    const failure = what === 'close' || what === 'open' ? undefined : this.#failure('read failed')
    return new Promise((resolve, reject) => {
      process.scheduler.after(process, this.#delayMs(), `${process.name} > disk ${what}`, () => {
        if (failure === undefined) resolve(effect())
        else reject(failure)
      })
    })
  }

  #failure(fault: string): Error | undefined {
    const { faults, isHealed, tally } = this.#disk
    if (isHealed || !this.#process.random.chance(faults.failed)) return undefined
    tally.add(`disk: ${fault}`)
    return new Error('the disk failed, on purpose')
  }

  #delayMs(): number {
    return this.#disk.faults.usualMs * this.#process.random.number() * this.#process.slowness
  }
}
