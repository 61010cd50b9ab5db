import type { CommitId, SegmentId, VolumeId } from '@graft-ts/volume'

/** What the page store reports while it works. Holds ids, counts and codes: never page contents, tokens or signatures. */
export type PagestoreEvent =
  | {
      readonly type: 'segment-written'
      readonly segmentId: SegmentId
      readonly byteLength: number
      /** Writes in it. */
      readonly runs: number
      readonly attempts: number
      readonly durationMs: number
    }
  | {
      readonly type: 'upload-retried'
      readonly segmentId: SegmentId
      /** The try that failed, from 1. */
      readonly attempt: number
      readonly kind: string
      readonly code: string
    }
  | {
      /** All its writes were answered with an error, and nothing refers to it. */
      readonly type: 'upload-failed'
      readonly segmentId: SegmentId
      readonly kind: string
      readonly code: string
    }
  | {
      readonly type: 'frame-rejected'
      readonly volumeId: VolumeId
      readonly ownerId: SegmentId | CommitId
      readonly code: string
      /** A damaged reply is read once more; `true`: that has failed too. */
      readonly isFinal: boolean
    }
  | {
      readonly type: 'request-failed'
      readonly method: 'writePages' | 'readPages'
      readonly kind: string
      readonly code: string
    }

/** Takes the events. What it throws is ignored. */
export type PagestoreLog = (event: PagestoreEvent) => void

/** A log that cannot fail its caller. */
export function safeLog(log: PagestoreLog | undefined): PagestoreLog {
  if (log === undefined) return () => undefined
  return (event) => {
    try {
      log(event)
    } catch {
      // A broken log must not break a write that is already durable.
    }
  }
}
