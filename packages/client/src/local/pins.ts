import type { Lsn, Snapshot } from '@graft-ts/volume'
import type { LocalCommit } from '../state/local-commit.ts'

/** What a reader sees: a commit of the remote log with local commits on top. Immutable. */
export interface View {
  readonly base: Snapshot
  /** Oldest first. */
  readonly pending: readonly LocalCommit[]
  readonly pageCount: number
}

/** A record of the local store, and what it takes up. */
export interface StoredPage {
  readonly key: string
  readonly bytes: number
  /** Whose entry it is, if it is one that has ended. */
  readonly ended?: EndedPage
}

/** Names an entry that has ended. */
export interface EndedPage {
  readonly pageIndex: number
  readonly from: Lsn
}

interface Retired {
  page: StoredPage
  /** Open views that may read it. */
  needing: number
}

/**
 * The views that are open, and what is kept for them alone (I4): parts of the local store that the volume itself needs
 * no more go when the last view that may read them does.
 */
export class Pins {
  // Each view with what is kept for it.
  readonly #views = new Map<View, Set<Retired>>()
  readonly #retired = new Map<string, Retired>()

  /** Whether anything is kept for open views alone. */
  get hasRetired(): boolean {
    return this.#retired.size > 0
  }

  /** What a record that is kept takes up; `undefined`: it is not. */
  bytesOf(key: string): number | undefined {
    return this.#retired.get(key)?.page.bytes
  }

  pin(view: View): void {
    this.#views.set(view, new Set())
  }

  /** Lets go of a view. Gives what nobody needs any more. */
  unpin(view: View): StoredPage[] {
    const free: StoredPage[] = []
    for (const retired of this.#views.get(view) ?? []) {
      if (--retired.needing > 0) continue
      this.#retired.delete(retired.page.key)
      free.push(retired.page)
    }
    this.#views.delete(view)
    return free
  }

  /** Whether an open view may read something. */
  isNeeded(isNeededBy: (view: View) => boolean): boolean {
    for (const view of this.#views.keys()) if (isNeededBy(view)) return true
    return false
  }

  /** Keeps a record, or what it has been replaced by, until the views that may read it are closed. At least one must be open. */
  retire(page: StoredPage, isNeededBy: (view: View) => boolean): void {
    const retired = this.#retired.get(page.key) ?? { page, needing: 0 }
    retired.page = page
    this.#retired.set(page.key, retired)
    for (const [view, needed] of this.#views) {
      if (needed.has(retired) || !isNeededBy(view)) continue
      needed.add(retired)
      retired.needing++
    }
  }
}

/** Whether a local commit is among those of a view. */
export function hasPending({ pending }: View, sequence: number): boolean {
  let low = 0
  let high = pending.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((pending[middle] as LocalCommit).sequence < sequence) low = middle + 1
    else high = middle
  }
  return pending[low]?.sequence === sequence
}
