import { createHash } from 'node:crypto'
import { compareKeys } from '../../src/keys.ts'
import type { R2BucketLike, R2Condition, R2ObjectBodyLike, R2ObjectLike } from '../../src/r2.ts'

interface Held {
  readonly bytes: Buffer
  readonly etag: string
}

type Range = { readonly offset: number; readonly length?: number }

/** A bucket in memory that behaves as R2's binding does; tests override what they want to go wrong. */
export class R2Double implements R2BucketLike {
  readonly objects = new Map<string, Held>()
  /** Ranges of the reads, as they came. */
  readonly ranges: (Range | undefined)[] = []
  /** Bodies that were given and neither read nor let go. */
  openBodies = 0
  /** What R2 does about a range past the end: all have been seen. */
  pastEnd: 'whole' | 'error' | 'broken' = 'error'

  async head(key: string): Promise<R2ObjectLike | null> {
    const held = this.objects.get(key)
    return held === undefined ? null : told(key, held)
  }

  async get(key: string, options?: { range?: Range }): Promise<R2ObjectBodyLike | null> {
    this.ranges.push(options?.range)
    const held = this.objects.get(key)
    if (held === undefined) return null
    const { bytes } = held
    const asked = options?.range
    if (asked === undefined) return this.#withBody(key, held, bytes)
    if (asked.offset >= bytes.length) {
      if (this.pastEnd === 'error') throw new Error('get: The requested range is not satisfiable (10039)')
      if (this.pastEnd === 'broken') throw new Error('get: Unspecified error (0)')
      return this.#withBody(key, held, bytes)
    }
    const end = Math.min(bytes.length, asked.length === undefined ? bytes.length : asked.offset + asked.length)
    const range = { offset: asked.offset, length: end - asked.offset }
    return { ...this.#withBody(key, held, bytes.subarray(asked.offset, end)), range }
  }

  async put(key: string, value: Uint8Array, options?: { onlyIf?: R2Condition }): Promise<R2ObjectLike | null> {
    const { etagMatches, etagDoesNotMatch } = options?.onlyIf ?? {}
    const etag = this.objects.get(key)?.etag
    // As for the other condition, a star is any version.
    if (etagMatches !== undefined && etag !== etagMatches && (etagMatches !== '*' || etag === undefined)) return null
    if (etagDoesNotMatch !== undefined && (etag === etagDoesNotMatch || (etagDoesNotMatch === '*' && etag !== undefined)))
      return null
    const held = { bytes: Buffer.from(value), etag: createHash('md5').update(value).digest('hex') }
    this.objects.set(key, held)
    return told(key, held)
  }

  async delete(keys: string | string[]): Promise<void> {
    if (keys.length > 1000 && typeof keys !== 'string') throw new Error('delete: too many keys (10029)')
    for (const key of typeof keys === 'string' ? [keys] : keys) this.objects.delete(key)
  }

  async list(options: { prefix?: string; limit?: number; cursor?: string; startAfter?: string } = {}): Promise<{
    objects: R2ObjectLike[]
    truncated: boolean
    cursor?: string
  }> {
    const { prefix = '', limit = 1000, cursor, startAfter = '' } = options
    const after = cursor ?? startAfter
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(prefix) && compareKeys(key, after) > 0).sort(compareKeys)
    const objects = keys.slice(0, limit).map((key) => told(key, this.objects.get(key) as Held))
    if (keys.length <= limit) return { objects, truncated: false }
    return { objects, truncated: true, cursor: objects.at(-1)?.key ?? '' }
  }

  #withBody(key: string, held: Held, part: Buffer): R2ObjectBodyLike {
    this.openBodies++
    let isOpen = true
    const end = (): void => {
      if (isOpen) this.openBodies--
      isOpen = false
    }
    const body = new ReadableStream({ cancel: end })
    return { ...told(key, held), body, arrayBuffer: async () => (end(), new Uint8Array(part).buffer) }
  }
}

function told(key: string, { bytes, etag }: Held): R2ObjectLike {
  return { key, size: bytes.length, etag }
}
