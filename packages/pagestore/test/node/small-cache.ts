import {
  type CacheLayout,
  type DiskFrameCache,
  type DiskFrameCacheOptions,
  openFrameCache,
} from '../../src/node/disk-frame-cache.ts'
import type { MemoryFolder } from './memory-folder.ts'

/** Eight files of 4,000 bytes. */
export const SMALL: CacheLayout = { filesMax: 8, fileBytesMax: 4000 }
/** Frames of 300 bytes that such a file holds, with their headers and the index. */
export const PER_FILE = 12
export const SMALL_BYTES = SMALL.filesMax * SMALL.fileBytesMax

// No multiple of anything in the format, so that bytes from the wrong place are seen.
const REPEATED_BYTES = 251

type Options = Pick<DiskFrameCacheOptions, 'nowMs' | 'onFailure'>

/** A cache of that size. Its time stands still unless told otherwise. */
export function openSmall(folder: MemoryFolder, options: Options = {}, layout = SMALL): Promise<DiskFrameCache> {
  return openFrameCache(folder, layout, { nowMs: () => 0, ...options })
}

/** The frame that belongs to a key: the same bytes each time, told apart from all others. */
export function frameOf(key: string, length = 300): Uint8Array {
  let state = Buffer.from(key).reduce((sum, byte) => Math.imul(sum, 31) + byte, length) >>> 0
  const frame = new Uint8Array(length)
  for (let i = 0; i < Math.min(length, REPEATED_BYTES); i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    frame[i] = state >>> 24
  }
  for (let end = REPEATED_BYTES; end < length; end *= 2) frame.copyWithin(end, 0, Math.min(end, length - end))
  return frame
}

/** Writes frames, each once the one before it has been written. */
export async function fill(cache: DiskFrameCache, keys: Iterable<string>, length = 300): Promise<void> {
  for (const key of keys) {
    cache.write(key, frameOf(key, length))
    await cache.settled()
  }
}

/** Which of the keys the cache has, with the right bytes; fails if it has one with wrong ones. */
export async function found(cache: DiskFrameCache, keys: Iterable<string>): Promise<string[]> {
  const names: string[] = []
  for (const key of keys) {
    const frame = await cache.read(key)
    if (frame === undefined) continue
    if (Buffer.compare(frame, frameOf(key, frame.length)) !== 0) throw new Error(`another frame under ${key}`)
    names.push(key)
  }
  return names
}

/** Names of frames. */
export function keys(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, i) => `frame ${from + i}`)
}
