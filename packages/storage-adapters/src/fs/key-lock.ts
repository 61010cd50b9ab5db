import { createHash } from 'node:crypto'
import { throwIfAborted } from '../errors.ts'
import type { Clock } from './environment.ts'
import { errnoOf, type Files, quietly } from './files.ts'
import type { Staging } from './staging.ts'

// A holder needs microseconds between taking a lock and its effect: everything slow is done before.
const PATIENCE_MS = 500
const POLL_MS_MAX = 16

/**
 * Locks of keys, for writes that depend on what is there (put, compareAndSwap, delete; create needs none).
 *
 * A lock is a folder with one entry, named after the write that holds it. It is taken by renaming a prepared folder,
 * with the entry inside, to the name of the lock: that fails while the lock's folder holds anything. The effect of the
 * write is a rename that needs the entry (a put renames the entry to the object; a deletion moves the object into it),
 * so **holding the lock is a condition of the effect, checked by the kernel in the same step**. Therefore anybody may
 * take a lock away at any time by removing the entry: a holder that was only slow then fails and starts again. No
 * clock, process id or time-out is ever trusted for safety; they only decide how soon a crashed writer stops blocking.
 */
export class KeyLocks {
  readonly #files: Files
  readonly #staging: Staging
  readonly #clock: Clock
  // The last in line per key: writers of one process wait for one another here and not on the file system.
  readonly #tails = new Map<string, Promise<void>>()

  constructor(files: Files, staging: Staging, clock: Clock) {
    this.#files = files
    this.#staging = staging
    this.#clock = clock
  }

  /** Path of the lock of a key. Two keys with the same hash would only wait for each other. */
  pathOf(key: string): string {
    return this.#staging.lockPathOf(createHash('sha256').update(key).digest('hex').slice(0, 40))
  }

  /** Runs writes of one key of this process one after the other. */
  async inTurn<T>(key: string, write: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key)
    const result = before === undefined ? write() : before.then(write)
    const tail = quietly(result)
    this.#tails.set(key, tail)
    try {
      return await result
    } finally {
      if (this.#tails.get(key) === tail) this.#tails.delete(key)
    }
  }

  /**
   * Takes a lock. Fails with `ENOENT` if the prepared folder is gone: somebody took this process for crashed.
   *
   * @param folder Prepared folder with the one entry of the write inside; becomes the lock.
   */
  async acquire(folder: string, lock: string, signal: AbortSignal | undefined): Promise<void> {
    let seen: string | undefined
    let seenMs = 0
    let pollMs = 1
    for (;;) {
      if (await this.#tryAcquire(folder, lock)) return
      throwIfAborted(signal)
      const holder = await this.#holderOf(lock)
      if (holder === undefined) continue
      const nowMs = this.#clock.nowMs()
      if (holder !== seen) {
        // Asked once per holder: it reads files.
        if (await this.#staging.isAbandoned(holder)) await this.#staging.revoke(lock, holder)
        seen = holder
        seenMs = nowMs
        pollMs = 1
      } else if (nowMs - seenMs >= PATIENCE_MS) {
        await this.#staging.revoke(lock, holder)
      } else {
        await this.#clock.delay(pollMs)
        pollMs = Math.min(POLL_MS_MAX, pollMs * 2)
      }
    }
  }

  /** Lets go of a lock whose entry is gone. */
  async release(lock: string): Promise<void> {
    await quietly(this.#files.rmdir(lock))
  }

  async #tryAcquire(folder: string, lock: string): Promise<boolean> {
    try {
      await this.#files.rename(folder, lock)
      return true
    } catch (error) {
      const errno = errnoOf(error)
      if (errno === 'ENOTEMPTY' || errno === 'EEXIST') return false
      throw error
    }
  }

  async #holderOf(lock: string): Promise<string | undefined> {
    try {
      return (await this.#files.readdir(lock))[0]?.name
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined
      throw error
    }
  }
}
