import type { CallFailure, RefusedCall } from '@graft-ts/protocol/service'
import type { CommitId, Lsn, SegmentId, VolumeId } from '@graft-ts/volume'

/** The calls of the service that are about a volume. */
export type PageMethod = 'writePages' | 'readPages'

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
      /** What the frame cache gave is not the frame; it is removed from there, and read from the object store. */
      readonly type: 'kept-frame-rejected'
      readonly volumeId: VolumeId
      readonly ownerId: SegmentId | CommitId
      readonly code: string
    }
  | {
      /** A write that was answered: its pages are durable, and no commit needs to refer to them yet. */
      readonly type: 'pages-written'
      readonly volumeId: VolumeId
      readonly principal: string
      readonly segmentId: SegmentId
      readonly pages: number
      /** Before compression. */
      readonly pageBytes: number
    }
  | {
      /** A read that was answered to its end. */
      readonly type: 'pages-read'
      readonly volumeId: VolumeId
      readonly principal: string
      readonly lsn: Lsn
      readonly pages: number
    }
  | (RefusedCall & { readonly type: 'request-refused' })
  | (CallFailure<PageMethod> & { readonly type: 'request-failed' })

/** Takes the events. What it throws is ignored. */
export type PagestoreLog = (event: PagestoreEvent) => void
