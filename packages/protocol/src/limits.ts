/** What a meta store accepts; told by `describe`. */
export interface MetaLimits {
  /** Bytes of one request body. */
  readonly requestBytesMax: number
  /** Bytes of inline pages in one commit, before compression; 0: none are taken. */
  readonly inlineBytesMax: number
  /** Segment refs in one commit. */
  readonly refsMax: number
  /** Pages in one commit. */
  readonly pagesMax: number
}

/** Limits of a meta store where its operator names none. 2^20 pages: as many as 1,024 refs of a page store's writes hold. */
export const META_LIMITS_DEFAULT: MetaLimits = {
  requestBytesMax: 4 * 2 ** 20,
  inlineBytesMax: 32 * 2 ** 10,
  refsMax: 1024,
  pagesMax: 2 ** 20,
}

/** How a meta store lets itself be watched; told by `describe`. */
export interface WatchLimits {
  /** Volumes in one watch. */
  readonly volumesMax: number
  /** Watches of one principal at a time. */
  readonly watchesPerPrincipalMax: number
  /** Watches of all principals at a time, by one process. */
  readonly watchesMax: number
  /** A watch sends a message at least this often, in milliseconds; one that has been silent for much longer is dead. */
  readonly heartbeatMs: number
}

/** What a page store accepts; told by `describe`. */
export interface PageLimits {
  /** Bytes of one request body. */
  readonly requestBytesMax: number
  /** Pages in one write. */
  readonly writePagesMax: number
  /** Wanted pages in one read. */
  readonly readPagesMax: number
  /** Bytes of pages in one read. */
  readonly readBytesMax: number
}
