import type { ClientId, IdSource, PageSize, Snapshot, VolumeId } from '@graft-ts/volume'
import type { Listeners } from './listeners.ts'
import type { Connectivity } from './live/connectivity.ts'
import type { HeadWatch } from './live/head-watch.ts'
import type { SyncSettings } from './live/sync-settings.ts'
import type { VolumeStore } from './local/volume-store.ts'
import type { MergePage } from './push/merge-hook.ts'
import type { FetchSlots } from './read/fetch-slots.ts'
import type { PageCache } from './read/page-cache.ts'
import type { PrefetcherFactory } from './read/prefetcher.ts'
import type { VolumeMemory } from './read/volume-memory.ts'
import type { Remote } from './remote.ts'
import type { RetryPolicy } from './retry.ts'
import type { SerialQueue } from './serial.ts'
import type { Isolation } from './state/local-commit.ts'
import type { VolumeStatus } from './volume-status.ts'

/** When a local commit counts as done. */
export type Durability =
  /** Written, but not synced: a crash of the machine may lose it. */
  | 'memory'
  /** Synced to the local store, where the store can do that. */
  | 'local'
  /** Accepted by the meta store. */
  | 'remote'

/** What goes on by itself, for all volumes of a client. */
export interface LiveContext {
  readonly heads: HeadWatch
  readonly sync: SyncSettings
  readonly connectivity: Connectivity
  /** Want to be told whenever the status of any volume changes. */
  readonly statusListeners: Listeners<VolumeStatus>
}

/** What the volumes of a client share. */
export interface ClientContext {
  readonly clientId: ClientId
  readonly remote: Remote
  readonly cache: PageCache
  readonly retry: RetryPolicy
  readonly idSource: IdSource
  readonly prefetcher: PrefetcherFactory | undefined
  /** Requests for pages, of all volumes. */
  readonly fetchSlots: FetchSlots
  readonly isolation: Isolation
  readonly durability: Durability
  /** Whether the local store is in memory, and gone when the client is closed. */
  readonly isStateless: boolean
  readonly transactionBytesMax: number
  /** Infinite: none. */
  readonly localBytesMax: number
  /** Settles when the local store is not above its limit any more, as far as it can be. */
  readonly roomMade: () => Promise<void>
  /** Settles conflicts about single pages; `undefined`: nobody does. */
  readonly merge: MergePage | undefined
  /** What goes on by itself. */
  readonly live: LiveContext
  /** Fires when the client is closed. */
  readonly closing: AbortSignal
}

/** What readers of a volume need to know of it. */
export interface ReadContext extends ClientContext {
  readonly volumeId: VolumeId
  readonly pageSize: PageSize
  /** Its pages in memory. */
  readonly memory: VolumeMemory
  readonly store: VolumeStore
  /** Everything that changes the local store goes through here, one after the other. */
  readonly queue: SerialQueue
  /** The commit that local reads stand on now; changes only inside the queue. */
  readonly base: () => Snapshot
  /** Counts the moves of the base, so that a read can tell whether one happened meanwhile. */
  readonly epoch: () => number
  /** Told when pages could not be kept; the read itself has succeeded. */
  readonly onKeepFailed: (error: unknown) => void
  /** Told when pages could not be fetched, and when some were. */
  readonly onFetchFailed: (error: unknown) => void
  readonly onFetched: () => void
}
