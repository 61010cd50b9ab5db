import type { VolumeId } from '@graft-ts/volume'
import { ClientError } from '../errors.ts'
import type { Ledger } from './ledger.ts'
import type { VolumeStore } from './volume-store.ts'

// Makes more room than is needed at once, so that not every page that comes drops another.
const LOW_WATER = 7 / 8
// Rounds in which nothing goes before there is nothing that can. The first may begin in the middle of a volume; then each page
// is looked at twice, the second time without a mark.
const ROUNDS_IN_VAIN_MAX = 3

/**
 * Keeps what a client has in its local store under a limit: in the background, in small steps that take their turn with
 * everything else that a volume does, so that reads wait for none of it and commits for one step at most.
 */
export class Evictor {
  readonly #ledger: Ledger
  readonly #storeOf: (volumeId: VolumeId) => VolumeStore
  readonly #closing: AbortSignal
  #bytesMax: number
  #running: Promise<void> | undefined
  // The volume at which it goes on.
  #at: VolumeId | undefined
  // How much there was that may go when nothing was found that could.
  #stuckAt: number | undefined
  /** What the store threw when pages were to be dropped; `undefined`: the last time it went well. */
  failure: unknown

  constructor(ledger: Ledger, storeOf: (volumeId: VolumeId) => VolumeStore, closing: AbortSignal) {
    this.#ledger = ledger
    this.#storeOf = storeOf
    this.#closing = closing
    this.#bytesMax = ledger.bytesMax
    ledger.onChange = ({ isFreed }) => {
      if (isFreed) this.#stuckAt = undefined
      this.#start()
    }
    this.#start()
  }

  /** The store is full although the limit is not reached: keeps less from now on. */
  shrink(): void {
    this.#bytesMax = Math.min(this.#bytesMax, Math.floor(this.#bytes * LOW_WATER))
    this.#stuckAt = undefined
    this.#start()
  }

  /** Settles when nothing is under way. */
  async idle(): Promise<void> {
    await this.#running
  }

  get #bytes(): number {
    return this.#ledger.total.cached + this.#ledger.total.kept
  }

  get #low(): number {
    return Math.floor(this.#bytesMax * LOW_WATER)
  }

  #start(): void {
    if (this.#running !== undefined || this.#closing.aborted || this.#bytes <= this.#bytesMax) return
    const { cached } = this.#ledger.total
    const isStuck = this.#stuckAt !== undefined && cached <= this.#stuckAt + (this.#bytesMax - this.#low)
    if (isStuck || cached === 0) return
    this.#running = this.#run()
      .then(
        () => (this.failure = undefined),
        (error: unknown) => (this.failure = error),
      )
      .then(() => {
        this.#running = undefined
      })
  }

  async #run(): Promise<void> {
    this.#stuckAt = undefined
    // What comes meanwhile takes the place of what went, and is no reason to stop.
    for (let inVain = 0; inVain < ROUNDS_IN_VAIN_MAX; ) {
      let freed = 0
      for (const volumeId of this.#rotation()) {
        this.#at = volumeId
        freed += await this.#sweepVolume(volumeId)
        if (this.#isDone) return
      }
      inVain = freed > 0 ? 0 : inVain + 1
    }
    this.#stuckAt = this.#ledger.total.cached
  }

  /** All volumes, from the one at which it stopped. */
  #rotation(): VolumeId[] {
    const volumes = this.#ledger.volumes()
    const first = Math.max(
      0,
      volumes.findIndex((volumeId) => volumeId === this.#at),
    )
    return [...volumes.slice(first), ...volumes.slice(0, first)]
  }

  get #isDone(): boolean {
    return this.#closing.aborted || this.#bytes <= this.#low
  }

  /** Goes over one volume, to its last page. Says how many bytes went. */
  async #sweepVolume(volumeId: VolumeId): Promise<number> {
    let freed = 0
    for (let isAtEnd = false; !isAtEnd && !this.#isDone; ) {
      const store = this.#storeOf(volumeId)
      if (store.bytes.cached === 0) return freed
      try {
        const step = await store.queue.run(() => store.eviction.step(this.#bytes - this.#low))
        isAtEnd = step.isAtEnd
        freed += step.bytes
      } catch (error) {
        if (!isForgotten(error)) throw error
        isAtEnd = true
      }
    }
    return freed
  }
}

function isForgotten(error: unknown): boolean {
  return error instanceof ClientError && error.code === 'VOLUME_FORGOTTEN'
}
