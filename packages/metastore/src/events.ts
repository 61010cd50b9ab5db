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
  | {
      /** A call that was turned away before its body was read. */
      readonly type: 'request-refused'
      /** Such as `Pull`. */
      readonly method: string
      readonly kind: string
      readonly code: string
      readonly error: unknown
    }
  | {
      readonly type: 'request-failed'
      readonly method: MetaMethod
      /** `undefined`: the request named none. */
      readonly volumeId: VolumeId | undefined
      /** `undefined`: the caller was not let in. */
      readonly principal: string | undefined
      readonly kind: string
      readonly code: string
      /** What was thrown. The client is told kind and code, and the text only of typed errors. */
      readonly error: unknown
    }

/** Takes the events. What it throws is ignored. */
export type MetastoreLog = (event: MetastoreEvent) => void

/** A log that cannot fail its caller. */
export function safeLog(log: MetastoreLog | undefined): MetastoreLog {
  if (log === undefined) return () => undefined
  return (event) => {
    try {
      log(event)
    } catch {
      // A broken log must not break a commit that is already durable.
    }
  }
}
