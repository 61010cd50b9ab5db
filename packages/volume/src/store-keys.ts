import type { SegmentId, VolumeId } from './ids.ts'
import type { Lsn } from './lsn.ts'

const LSN_DIGITS = 16

/**
 * Where things lie on the object store, relative to the prefix of each store.
 *
 * The LSN in a commit key has 16 hexadecimal digits, so that keys sort like LSNs; nothing depends on that for safety.
 */
export const storeKeys: {
  /** One commit, created if absent: this is the compare-and-swap of a volume's log. */
  readonly commit: (volumeId: VolumeId, lsn: Lsn) => string
  /** What all commit keys of a volume begin with. */
  readonly commitsPrefix: (volumeId: VolumeId) => string
  /** A recent LSN, overwritten now and then, never believed. */
  readonly head: (volumeId: VolumeId) => string
  /** The oldest LSN that may still be read. */
  readonly horizon: (volumeId: VolumeId) => string
  /** A segment that many volumes may share. */
  readonly segment: (segmentId: SegmentId) => string
  /** A segment under one volume's own prefix. */
  readonly volumeSegment: (volumeId: VolumeId, segmentId: SegmentId) => string
} = {
  commit: (volumeId, lsn) => `volumes/${volumeId}/commits/${lsn.toString(16).padStart(LSN_DIGITS, '0')}`,
  commitsPrefix: (volumeId) => `volumes/${volumeId}/commits/`,
  head: (volumeId) => `volumes/${volumeId}/head`,
  horizon: (volumeId) => `volumes/${volumeId}/horizon`,
  segment: (segmentId) => `segments/${segmentId}`,
  volumeSegment: (volumeId, segmentId) => `volumes/${volumeId}/segments/${segmentId}`,
}
