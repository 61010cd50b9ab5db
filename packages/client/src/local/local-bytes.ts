/** What pages take up in the local store: keys and values, in bytes. */
export interface LocalBytes {
  /** Pages that can be fetched again, and make room for others. */
  readonly cached: number
  /** Pages that are never dropped: those of pending commits, and what open snapshots may read. */
  readonly kept: number
}
