import type { MetastoreLimits, MetastoreOptions } from '@graft-ts/metastore'
import type { PagestoreLimits, PagestoreOptions } from '@graft-ts/pagestore'
import type { Authorize, CorsOptions, RefKey } from '@graft-ts/protocol'
import type { ObjectStore, ProbeOptions } from '@graft-ts/storage-adapters'
import { type FrameCodec, TIMER_MS_MAX, type Timers } from '@graft-ts/volume'
import { ServerError } from './errors.ts'
import type { ServerLog } from './events.ts'

/** Which stores a process serves. */
export type ServerRoles = 'both' | 'meta' | 'pages'

/** Limits of a server; those of the two stores are told to clients by `describe`. */
export interface ServerLimits {
  readonly meta?: Partial<MetastoreLimits>
  readonly pages?: Partial<PagestoreLimits>
  /** Connections at the same time; further ones are closed at once. Default 1,024. */
  readonly connectionsMax?: number
  /** How long a stop waits for requests under way, milliseconds. Default 10,000. */
  readonly drainMsMax?: number
  /**
   * How long a stop then waits for writes that were accepted and not decided yet, milliseconds. What is still under way
   * after that has an unknown outcome, as if the process had been killed. Default 10,000.
   */
  readonly settleMsMax?: number
  /**
   * How long one call of the object store may take, milliseconds: enough for the largest segment over the slowest line.
   * After that a read fails, and a write has an unknown outcome. Default 30,000.
   */
  readonly storeMsMax?: number
  /**
   * Calls of the object stores under way at a time, of both stores together; further ones wait for their turn, of which
   * `storeMsMax` does not count. One read of a cold volume can need more than a thousand. Default 128.
   */
  readonly storeCallsMax?: number
  /** How long the object store may take to answer `/readyz`, milliseconds. Default 2,000. */
  readonly readyMsMax?: number
}

/** How a server looks at its stores before it listens. */
export type ServerProbe = Pick<ProbeOptions, 'racers' | 'rounds'>

/** What a server is made of. Everything that touches the world comes in here. */
export interface ServerOptions {
  /** Where segments and commits lie; may be one store. Lent: closing the server does not close them. */
  readonly stores: { readonly segments: ObjectStore; readonly commits: ObjectStore }
  /** Default: both stores in this process. */
  readonly roles?: ServerRoles
  /** Address to listen on. Default 127.0.0.1. */
  readonly host?: string
  /** Allows an address that other machines can reach. Default: loopback only. */
  readonly allowRemote?: boolean
  /** Port to listen on; 0: any free one. */
  readonly port: number
  /**
   * Asked about every call, before anything tells whether a volume exists. There is no default: `jwtAuthorize` of
   * `@graft-ts/protocol/jwt`, or `allowEverybody`, of which the log is told.
   */
  readonly authorize: Authorize
  /**
   * Keys that sign segment refs; the first one signs, all of them verify. Needed, and the same, wherever pages that one
   * process wrote are committed through another. Default: a random key of this process.
   */
  readonly refKeys?: readonly RefKey[]
  readonly limits?: ServerLimits
  /**
   * Races on scratch keys of each store that this process writes to, before it listens: some object stores accept conditions and
   * do not keep them. Default: four racers, five rounds of 64 bytes, some 120 requests a store; `false`: none.
   */
  readonly probe?: ServerProbe | false
  /** What pages are stored in, in segments and inline. Default: `createNodeFrameCodec()`, which is `deflate-raw`. */
  readonly codec?: FrameCodec
  /** Which pages of the web may call both stores. Default: none. */
  readonly cors?: CorsOptions
  /** What the meta store alone knows: rate limits, telemetry, staleness of pulls, watches and the bus between processes. */
  readonly metastore?: Pick<MetastoreOptions, 'admit' | 'telemetry' | 'maxStalenessMs' | 'watch' | 'bus'>
  /**
   * What the page store alone knows: rate limits, telemetry, when and how segments are written, which reads are sent twice,
   * memory and disk for frames. The frame cache is lent: closing the server does not close it.
   */
  readonly pagestore?: Pick<
    PagestoreOptions,
    'admit' | 'telemetry' | 'policy' | 'segmentScope' | 'cacheBytesMax' | 'frameCache' | 'hedge'
  >
  /** Memory for commit records and orders of change, shared by both stores. Default 64 MiB. */
  readonly recordCacheBytesMax?: number
  /** Milliseconds since 1970. Default: the system's clock. */
  readonly nowMs?: () => number
  /** Default: the runtime's timers. */
  readonly timers?: Timers
  /** Told what happens; holds no page contents and no secrets. */
  readonly log?: ServerLog
}

/** The limits that belong to neither store. */
export type ProcessLimits = Required<Omit<ServerLimits, 'meta' | 'pages'>>

const PROCESS_LIMITS_DEFAULT: ProcessLimits = {
  connectionsMax: 1024,
  drainMsMax: 10_000,
  settleMsMax: 10_000,
  storeMsMax: 30_000,
  storeCallsMax: 128,
  readyMsMax: 2000,
}
const PORT_MAX = 65_535

/** Fills in the defaults. Throws {@link ServerError} `SERVER_OPTIONS`. */
export function processLimits(limits: ServerLimits = {}): ProcessLimits {
  const { connectionsMax, drainMsMax, settleMsMax, storeMsMax, storeCallsMax, readyMsMax } = {
    ...PROCESS_LIMITS_DEFAULT,
    ...limits,
  }
  checkInteger('connectionsMax', connectionsMax, { min: 1, max: 2 ** 31 })
  checkInteger('drainMsMax', drainMsMax, { min: 0, max: TIMER_MS_MAX })
  checkInteger('settleMsMax', settleMsMax, { min: 0, max: TIMER_MS_MAX })
  checkInteger('storeMsMax', storeMsMax, { min: 1, max: TIMER_MS_MAX })
  checkInteger('storeCallsMax', storeCallsMax, { min: 1, max: 2 ** 31 })
  checkInteger('readyMsMax', readyMsMax, { min: 1, max: TIMER_MS_MAX })
  return { connectionsMax, drainMsMax, settleMsMax, storeMsMax, storeCallsMax, readyMsMax }
}

/** Checks a port. Throws {@link ServerError} `SERVER_OPTIONS`. */
export function checkPort(port: number): number {
  return checkInteger('port', port, { min: 0, max: PORT_MAX })
}

function checkInteger(name: string, value: number, range: { readonly min: number; readonly max: number }): number {
  if (Number.isInteger(value) && value >= range.min && value <= range.max) return value
  throw new ServerError('SERVER_OPTIONS', `${name} must be ${range.min} to ${range.max}, got=${value}`)
}
