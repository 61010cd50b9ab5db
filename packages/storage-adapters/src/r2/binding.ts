/*
 * The part of the Workers runtime's R2 binding that the store uses. Declared here, so that nobody needs Cloudflare's types
 * to compile; a binding that is declared with them fits.
 */

/** What R2 tells of an object. */
export interface R2ObjectLike {
  readonly key: string
  readonly size: number
  /** MD5 of the body, without quotes. */
  readonly etag: string
}

/** An object with its body, or a part of it. */
export interface R2ObjectBodyLike extends R2ObjectLike {
  /** What was read, if a part was asked for. */
  readonly range?: { readonly offset?: number; readonly length?: number } | { readonly suffix: number } | undefined
  readonly body: ReadableStream
  arrayBuffer(): Promise<ArrayBuffer>
}

/** When a write is to be done. */
export interface R2Condition {
  readonly etagMatches?: string
  readonly etagDoesNotMatch?: string
}

/** A bucket, as a Worker is given it. */
export interface R2BucketLike {
  head(key: string): Promise<R2ObjectLike | null>
  get(key: string, options?: { range?: { offset: number; length?: number } }): Promise<R2ObjectBodyLike | null>
  /** Gives `null` if the condition does not hold. */
  put(key: string, value: Uint8Array | ReadableStream, options?: { onlyIf?: R2Condition }): Promise<R2ObjectLike | null>
  delete(keys: string | string[]): Promise<void>
  list(options?: { prefix?: string; limit?: number; cursor?: string; startAfter?: string }): Promise<{
    readonly objects: readonly R2ObjectLike[]
    readonly truncated: boolean
    readonly cursor?: string
  }>
}
