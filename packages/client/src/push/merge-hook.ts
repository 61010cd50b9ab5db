import type { VolumeId } from '@graft-ts/volume'

/** A page that a pending transaction wrote and others changed meanwhile. All bytes are copies that the hook owns. */
export interface PageConflict {
  readonly volumeId: VolumeId
  readonly pageIndex: number
  /** As the transaction found it. */
  readonly base: Uint8Array<ArrayBuffer>
  /** As the transaction left it. */
  readonly local: Uint8Array<ArrayBuffer>
  /** As it would find it now: what others made of it, and earlier pending transactions that were merged. */
  readonly remote: Uint8Array<ArrayBuffer>
}

/**
 * Settles a conflict about one page. What the transaction worked out from that page for others is not worked out again: where
 * that matters, give up.
 *
 * @returns The page as the transaction should have left it; `undefined`: it has to run again.
 */
export type MergePage = (conflict: PageConflict) => Uint8Array | undefined | Promise<Uint8Array | undefined>
