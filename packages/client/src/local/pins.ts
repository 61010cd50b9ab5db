import type { Snapshot } from '@graft-ts/volume'
import type { LocalCommit } from '../state/local-commit.ts'

/** What a reader sees: a commit of the remote log with local commits on top. Immutable. */
export interface View {
  readonly base: Snapshot
  /** Oldest first. */
  readonly pending: readonly LocalCommit[]
  readonly pageCount: number
}

interface Retired {
  readonly keys: readonly string[]
  readonly needing: Set<View>
}

/**
 * The views that are open, and what is kept for them alone (I4): parts of the local store that the volume itself needs
 * no more go when the last view that may read them does.
 */
export class Pins {
  readonly #views = new Set<View>()
  readonly #retired = new Set<Retired>()

  /** Whether anything is kept for open views alone. */
  get hasRetired(): boolean {
    return this.#retired.size > 0
  }

  pin(view: View): void {
    this.#views.add(view)
  }

  /** Lets go of a view. Gives the keys that nobody needs any more. */
  unpin(view: View): string[] {
    this.#views.delete(view)
    const free: string[] = []
    for (const retired of this.#retired) {
      if (!retired.needing.delete(view) || retired.needing.size > 0) continue
      this.#retired.delete(retired)
      for (const key of retired.keys) free.push(key)
    }
    return free
  }

  /** Whether an open view may read something. */
  isNeeded(isNeededBy: (view: View) => boolean): boolean {
    for (const view of this.#views) if (isNeededBy(view)) return true
    return false
  }

  /** Keeps keys until the views that may read them are closed. At least one must be open. */
  retire(keys: readonly string[], isNeededBy: (view: View) => boolean): void {
    const needing = new Set([...this.#views].filter(isNeededBy))
    this.#retired.add({ keys, needing })
  }
}
