import type { FrameCache, FrameCacheMetrics } from '../src/index.ts'

/** A frame cache in memory, which a test can look into, damage, slow down and break. */
export class MapFrameCache implements FrameCache {
  readonly frames = new Map<string, Uint8Array>()
  readonly removed: string[] = []
  reads = 0
  /** Replaces what a read of a frame that is there gives. */
  onRead: ((frame: Uint8Array) => Promise<Uint8Array | undefined>) | undefined

  read(key: string): Promise<Uint8Array | undefined> | undefined {
    const frame = this.frames.get(key)
    if (frame === undefined) return undefined
    this.reads += 1
    const copy = frame.slice()
    return this.onRead === undefined ? Promise.resolve(copy) : this.onRead(copy)
  }

  write(key: string, frame: Uint8Array): void {
    this.frames.set(key, frame.slice())
  }

  remove(key: string): void {
    this.removed.push(key)
    this.frames.delete(key)
  }

  metrics(): FrameCacheMetrics {
    const bytesNow = [...this.frames.values()].reduce((sum, frame) => sum + frame.length, 0)
    const counts = { framesWritten: 3, framesDropped: 2, framesEvicted: 1, failures: 5 }
    return { ...counts, framesNow: this.frames.size, bytesNow }
  }
}
