import type { FrameCache, FrameCacheMetrics } from '@graft-ts/pagestore'
import type { Process } from './process.ts'
import type { Random } from './random.ts'
import type { Tally } from './tally.ts'

/** How often a frame cache does what it should not. */
export interface ShelfFaults {
  /** What is read has a wrong byte, or ends early. */
  readonly damaged: number
  /** What is read is another frame. */
  readonly swapped: number
  /** What was there is gone. */
  readonly lost: number
  /** A read or write fails. */
  readonly failed: number
}

/** How many frames there is room for. */
const FRAMES_MAX = 64

/** A disk of a page store on which it keeps frames: it outlives the process, and need not be believed. */
export class FrameShelf {
  readonly #frames = new Map<string, Uint8Array>()
  readonly #faults: ShelfFaults
  readonly #random: Random
  readonly #tally: Tally
  readonly #isHealed: () => boolean

  constructor(options: { faults: ShelfFaults; random: Random; tally: Tally; isHealed: () => boolean }) {
    this.#faults = options.faults
    this.#random = options.random
    this.#tally = options.tally
    this.#isHealed = options.isHealed
  }

  /** The shelf as one life of the page store sees it. */
  openedBy(process: Process): FrameCache {
    const read = (key: string): Promise<Uint8Array | undefined> | undefined => {
      const frame = this.#frames.get(key)
      if (frame === undefined) return undefined
      const answer = this.#answer(key, frame)
      return new Promise((resolve, reject) => {
        process.scheduler.after(process, this.#random.number() * process.slowness, `${process.name} > shelf`, () => {
          if (answer === 'failed') reject(new Error('the shelf failed, on purpose'))
          else resolve(answer)
        })
      })
    }
    const write = (key: string, frame: Uint8Array): void => {
      if (this.#happens('failed')) throw new Error('the shelf failed, on purpose')
      const [oldest] = this.#frames.keys()
      if (this.#frames.size >= FRAMES_MAX && oldest !== undefined) this.#frames.delete(oldest)
      this.#frames.set(key, new Uint8Array(frame))
    }
    const remove = (key: string): void => void this.#frames.delete(key)
    return { read, write, remove, metrics: () => this.#metrics() }
  }

  #answer(key: string, frame: Uint8Array): Uint8Array | 'failed' | undefined {
    if (this.#happens('failed')) return 'failed'
    if (this.#happens('lost')) {
      this.#frames.delete(key)
      return undefined
    }
    const copy = new Uint8Array(this.#happens('swapped') ? this.#random.pick([...this.#frames.values()]) : frame)
    if (!this.#happens('damaged')) return copy
    const at = this.#random.below(copy.length)
    if (this.#random.chance(0.5)) return copy.subarray(0, at)
    copy[at] = (copy[at] as number) ^ (1 << this.#random.below(8))
    return copy
  }

  #happens(fault: keyof ShelfFaults): boolean {
    const isSo = this.#random.chance(this.#faults[fault]) && !this.#isHealed()
    if (isSo) this.#tally.add(`frame cache: ${fault}`)
    return isSo
  }

  #metrics(): FrameCacheMetrics {
    const bytesNow = [...this.#frames.values()].reduce((sum, { length }) => sum + length, 0)
    const framesNow = this.#frames.size
    return { framesWritten: 0, framesDropped: 0, framesEvicted: 0, failures: 0, framesNow, bytesNow }
  }
}
