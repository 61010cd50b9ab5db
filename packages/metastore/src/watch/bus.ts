import type { Lsn, VolumeId } from '@graft-ts/volume'

/**
 * Carries news of commits between meta stores, so that watchers of one hear at once of commits made through another. It may
 * lose, repeat, reorder or invent what it carries: whoever hears something looks into the store before telling anybody.
 * What it loses is noticed within the probe interval; what it invents costs a read.
 */
export interface WatchBus {
  /** Tells the others of a commit that was made here. Failures, also later ones, are ignored. */
  publish(volumeId: VolumeId, lsn: Lsn): void | Promise<void>
  /**
   * Calls a function with what others publish; it may be called with what was published here, too.
   *
   * @returns Ends that.
   */
  subscribe(listener: (volumeId: VolumeId, lsn: Lsn) => void): () => void
}

/** Tells a bus, whatever it does. */
export function publishSafely(bus: WatchBus | undefined, volumeId: VolumeId, lsn: Lsn): void {
  if (bus === undefined) return
  const publish = async (): Promise<void> => bus.publish(volumeId, lsn)
  // The commit is durable; a broken bus only makes others hear of it later.
  publish().catch(() => undefined)
}
