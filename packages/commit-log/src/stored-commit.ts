import type { CommitRecord } from '@graft-ts/volume'

/** A commit record with the bytes that it was read from. */
export interface StoredCommit {
  readonly record: CommitRecord
  /** The sealed record alone, without inline frames. */
  readonly sealed: Uint8Array
}
