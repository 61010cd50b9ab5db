import type { CallFailure, RefusedCall } from '@graft-ts/protocol/service'
import type { ClientId, CommitId, Lsn, VolumeId } from '@graft-ts/volume'

/** The calls of the service that are about a volume. */
export type MetaMethod = 'pull' | 'commit' | 'getSnapshot' | 'history' | 'watch'

interface CommitFacts {
  readonly volumeId: VolumeId
  readonly baseLsn: Lsn
  readonly commitId: CommitId
  readonly clientId: ClientId
  readonly principal: string
}

/** What the meta store reports while it works. Holds ids, counts and codes: never page contents, tokens or signatures. */
export type MetastoreEvent =
  | (CommitFacts & {
      /** Comes again when the same attempt is asked for again. */
      readonly type: 'commit-accepted'
      readonly lsn: Lsn
      readonly refs: number
      /** Bytes of pages that came with the commit. */
      readonly inlineBytes: number
    })
  | (CommitFacts & {
      readonly type: 'commit-conflicted'
      readonly headLsn: Lsn
    })
  | {
      /** A read that was answered: a pull, a snapshot, or a history to its end. */
      readonly type: 'read-answered'
      readonly method: Exclude<MetaMethod, 'commit' | 'watch'>
      readonly volumeId: VolumeId
      readonly principal: string
      /** The newest commit of the answer. */
      readonly lsn: Lsn
    }
  | {
      readonly type: 'watch-opened'
      readonly principal: string
      readonly volumeIds: readonly VolumeId[]
    }
  | {
      readonly type: 'watch-ended'
      readonly principal: string
      readonly volumeIds: readonly VolumeId[]
      /** Why: `REQUEST_ABORTED` if the client left. */
      readonly code: string
    }
  | {
      /** A watched volume could not be looked at. It will be again; until then its watchers may hear of commits late. */
      readonly type: 'probe-failed'
      readonly volumeId: VolumeId
      readonly kind: string
      readonly code: string
      readonly error: unknown
    }
  | (RefusedCall & { readonly type: 'request-refused' })
  | (CallFailure<MetaMethod> & { readonly type: 'request-failed' })

/** Takes the events. What it throws is ignored. */
export type MetastoreLog = (event: MetastoreEvent) => void
