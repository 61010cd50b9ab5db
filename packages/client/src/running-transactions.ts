import { Splinter } from '@graft-ts/splinter'
import { type Changes, lowerFloor } from '@graft-ts/volume'
import type { View } from './local/pins.ts'

/** A transaction that is running, and what happened to the volume since it began. */
export interface RunningTransaction {
  readonly view: View
  readonly changes: { readonly pages: Splinter; floor: number | undefined }
  /** What it saw is not what the volume stands on any more: it has to run again. */
  isOutdated: boolean
}

/** The transactions of a volume that are running, each of which is told what happens meanwhile. */
export class RunningTransactions {
  readonly #running = new Set<RunningTransaction>()

  begin(view: View): RunningTransaction {
    const running: RunningTransaction = { view, changes: { pages: new Splinter(), floor: undefined }, isOutdated: false }
    this.#running.add(running)
    return running
  }

  end(running: RunningTransaction): void {
    this.#running.delete(running)
  }

  /** Something changed, by one of them or by others. */
  tell(changes: Changes, author: RunningTransaction | undefined): void {
    for (const running of this.#running) {
      if (running === author) continue
      // A set above a newer floor was cut off, which the floor says already.
      running.changes.pages.addAll(changes.pages)
      running.changes.floor = lowerFloor(running.changes.floor, changes.floor)
    }
  }

  /** All of them have to run again. */
  outdate(): void {
    for (const running of this.#running) running.isOutdated = true
  }
}
