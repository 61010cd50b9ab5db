/**
 * Keeps frames as they lie on the object store, for longer than memory does: on a disk, with `openDiskFrameCache` of the
 * `./node` entry. The page store checks every frame that comes out of it as if it came from a stranger, so a cache cannot
 * make a read wrong; and what it fails at is read from the object store instead, so it cannot make a read fail.
 */
export interface FrameCache {
  /**
   * Looks for a frame.
   *
   * @param key Names the frame and everything that it is checked against. Opaque; up to about 200 characters.
   * @returns `undefined` at once: it is not there, and goes into one ranged read with its neighbours. Else its bytes,
   * maybe damaged ones, in a buffer of their own, which is handed over, or `undefined` if they are gone. Should not reject; that is a miss.
   */
  read(key: string): Promise<Uint8Array | undefined> | undefined
  /**
   * Takes a frame, or does not: returns at once, and does its work later.
   *
   * @param frame Borrowed until it is written; nobody changes it.
   */
  write(key: string, frame: Uint8Array): void
  /** Is told that what `read` gave is not the frame. A later `write` under the key brings another. */
  remove(key: string): void
  /** What it has done since it was opened, and what it holds. */
  metrics(): FrameCacheMetrics
}

/** Counters of a {@link FrameCache}. All only grow, except those that say `now`. */
export interface FrameCacheMetrics {
  /** Frames that it has taken. */
  readonly framesWritten: number
  /** Frames that it was offered and did not take, because they came too fast or could not be written. */
  readonly framesDropped: number
  /** Frames that went to make room for others. */
  readonly framesEvicted: number
  /** Accesses to what it lies on that failed. */
  readonly failures: number
  /** Frames that can be read from it. */
  readonly framesNow: number
  /** Bytes that it takes up. */
  readonly bytesNow: number
}
