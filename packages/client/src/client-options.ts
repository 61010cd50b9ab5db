import type { GraftTransport } from '@graft-ts/protocol'
import { type IdSource, systemTimers, type Timers } from '@graft-ts/volume'
import type { ClientContext, Durability } from './context.ts'
import { ClientError } from './errors.ts'
import { Listeners } from './listeners.ts'
import { type Connectivity, runtimeConnectivity } from './live/connectivity.ts'
import { HeadWatch } from './live/head-watch.ts'
import { type SyncOptions, syncSettings } from './live/sync-settings.ts'
import type { LocalStore } from './local/local-store.ts'
import type { LockManagerLike } from './local/owner-lock.ts'
import type { StorageManagerLike } from './local/persistence.ts'
import { checkFunction, checkMethods, checkNames, type OptionNames } from './option-checks.ts'
import { checkDurability, checkIsolation } from './options.ts'
import type { MergePage } from './push/merge-hook.ts'
import { FetchSlots } from './read/fetch-slots.ts'
import { PageCache } from './read/page-cache.ts'
import type { PrefetcherFactory } from './read/prefetcher.ts'
import { Remote } from './remote.ts'
import type { RetryPolicy } from './retry.ts'
import type { Isolation } from './state/local-commit.ts'

const MEMORY_CACHE_BYTES_DEFAULT = 32 * 2 ** 20
const STATELESS_BYTES_DEFAULT = 64 * 2 ** 20
const TRANSACTION_BYTES_DEFAULT = 2 ** 30
const FETCHES_DEFAULT = 8
const ATTEMPTS_DEFAULT = 4
const RETRY_DELAY_MS_DEFAULT = 100

/** What a client is made of. Everything that touches the world comes in here. */
export interface ClientOptions {
  /** How the stores are reached: `httpTransport` of `@graft-ts/protocol`, or `embedded`. */
  readonly transport: GraftTransport
  /**
   * Holds pages and local commits: an `abstract-level` database, opened and closed by the client. One client each.
   * `'memory'`: nothing is kept beyond the life of the client, for one-shot reads and writes.
   */
  readonly store: LocalStore | 'memory'
  /** Predicts what is read next, one for each snapshot and transaction. Default: none. */
  readonly prefetcher?: PrefetcherFactory
  /** What transactions are checked against. Default: `serializable`. */
  readonly isolation?: Isolation
  /** Settles conflicts about single pages, before transactions run again. Default: none. */
  readonly merge?: MergePage
  /** Pulls and pushes by itself. Default: nothing goes on by itself. */
  readonly sync?: SyncOptions
  /** Whether there is a network, for what goes on by itself. Default: what the runtime says, where it says something. */
  readonly connectivity?: Connectivity
  /** When a local commit counts as done. Default: `local`; with the store `'memory'`, where that is not to be had, `remote`. */
  readonly durability?: Durability
  /**
   * Bound on what pages take up in the local store, over all volumes. Pages that can be fetched again make room; those of
   * pending commits, and those that are kept for open snapshots, never do. Default: none; 64 MiB with the store `'memory'`.
   */
  readonly localBytesMax?: number
  /** Bound on pages in memory, over all volumes. Default 32 MiB. */
  readonly memoryCacheBytesMax?: number
  /** Bound on the requests for pages that are under way at a time, over all volumes. Default 8. */
  readonly fetchesMax?: number
  /** Bound on the pages that one transaction writes. Default 1 GiB. */
  readonly transactionBytesMax?: number
  /** How often a call to a server is tried that failed for a passing reason. Default 4. */
  readonly attemptsMax?: number
  /** First pause between two tries in milliseconds; it doubles each time, less a random half. Default 100. */
  readonly retryDelayMs?: number
  /**
   * Keeps other tabs from opening the same store. Default: the runtime's `navigator.locks`, where there are any and the
   * store has a `location`. `'none'`: nothing but the store itself does.
   */
  readonly locks?: LockManagerLike | 'none'
  /** Asked to keep the store when space gets short: `navigator.storage` in browsers, where some ask the user. Default: none. */
  readonly storageManager?: StorageManagerLike
  /** Clock and randomness. Default: the system's. */
  readonly idSource?: IdSource
  /** Default: the runtime's timers. */
  readonly timers?: Timers
}

const NAMES: OptionNames<ClientOptions> = {
  ...{ transport: true, store: true, prefetcher: true, isolation: true, merge: true, sync: true, connectivity: true },
  ...{ durability: true, localBytesMax: true, memoryCacheBytesMax: true, transactionBytesMax: true, attemptsMax: true },
  ...{ fetchesMax: true, retryDelayMs: true, locks: true, storageManager: true, idSource: true, timers: true },
}

/** Whether a client keeps nothing. */
function isStateless({ store }: Pick<ClientOptions, 'store'>): boolean {
  return store === 'memory'
}

/**
 * Refuses options that there are not, or that lack what is called of them.
 *
 * @throws {@link ClientError} `CLIENT_OPTIONS`.
 */
export function checkClientOptions(options: ClientOptions): void {
  checkNames('Client.open', options, NAMES)
  const { transport, store, connectivity, idSource, timers } = options
  for (const part of ['meta', 'pages'] as const) checkMethods(`transport.${part}`, transport?.[part], 'unary', 'stream')
  if (store !== 'memory') checkMethods('store', store, 'open', 'close', 'get', 'getMany', 'batch', 'iterator', 'keys')
  if (connectivity !== undefined) checkMethods('connectivity', connectivity, 'isOnline', 'subscribe')
  if (idSource !== undefined) checkMethods('idSource', idSource, 'nowMs', 'randomBytes')
  if (timers !== undefined) checkMethods('timers', timers, 'start')
  checkFunction('merge', options.merge)
  checkFunction('prefetcher', options.prefetcher)
}

/** What the volumes of a client share, from options that were checked. Throws {@link ClientError} `CLIENT_OPTIONS`. */
export function contextOf(
  options: ClientOptions,
  idSource: IdSource,
  closing: AbortSignal,
): Omit<ClientContext, 'clientId' | 'roomMade'> {
  const stateless = isStateless(options)
  const remote = new Remote(options.transport, closing)
  const retry = retryOf(options, idSource)
  const sync = syncSettings(options.sync)
  const connectivity = options.connectivity ?? runtimeConnectivity()
  const localBytesDefault = stateless ? STATELESS_BYTES_DEFAULT : Number.POSITIVE_INFINITY
  const heads = new HeadWatch({ remote, retry, connectivity, intervalMs: sync.intervalMs, closing })
  return {
    remote,
    retry,
    live: { heads, sync, connectivity, statusListeners: new Listeners() },
    cache: new PageCache(positive('memoryCacheBytesMax', options.memoryCacheBytesMax ?? MEMORY_CACHE_BYTES_DEFAULT)),
    idSource,
    prefetcher: options.prefetcher,
    fetchSlots: new FetchSlots(positive('fetchesMax', options.fetchesMax ?? FETCHES_DEFAULT)),
    merge: options.merge,
    isolation: checkIsolation(options.isolation ?? 'serializable'),
    durability: checkDurability(options.durability ?? (stateless ? 'remote' : 'local'), stateless),
    isStateless: stateless,
    transactionBytesMax: positive('transactionBytesMax', options.transactionBytesMax ?? TRANSACTION_BYTES_DEFAULT),
    localBytesMax: options.localBytesMax === undefined ? localBytesDefault : positive('localBytesMax', options.localBytesMax),
    closing,
  }
}

function retryOf(options: ClientOptions, idSource: IdSource): RetryPolicy {
  return {
    timers: options.timers ?? systemTimers,
    random: () => (idSource.randomBytes(1)[0] as number) / 255,
    attemptsMax: positive('attemptsMax', options.attemptsMax ?? ATTEMPTS_DEFAULT),
    delayMs: positive('retryDelayMs', options.retryDelayMs ?? RETRY_DELAY_MS_DEFAULT),
  }
}

/** The number. Throws {@link ClientError} `CLIENT_OPTIONS` if it is no positive whole one. */
function positive(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value
  throw new ClientError('CLIENT_OPTIONS', `must be a positive whole number, ${name}=${value}`)
}
