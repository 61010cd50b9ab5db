import { createHmac } from 'node:crypto'
import { type CommitLogs, createCommitLogs } from '@graft-ts/commit-log'
import { createMetastore, type Metastore } from '@graft-ts/metastore'
import { createPagestore, type Pagestore } from '@graft-ts/pagestore'
import { hmacRefSigner, type RefKey, type RefSigner } from '@graft-ts/protocol'
import { type FrameCodec, systemTimers } from '@graft-ts/volume'
import { createNodeFrameCodec } from '@graft-ts/volume/node'
import { ServerError } from './errors.ts'
import type { ServerLog } from './events.ts'
import type { ServerOptions, ServerRoles } from './options.ts'

/** The stores of one process. */
export interface Services {
  readonly metastore: Metastore | undefined
  readonly pagestore: Pagestore | undefined
}

const REF_KEY_BYTES = 32

/** Makes the stores that the roles ask for; both share one cache of commit records. */
export function openServices(options: ServerOptions, log: ServerLog): Services {
  const roles = options.roles ?? 'both'
  const { stores, authorize, limits, timers = systemTimers, nowMs = Date.now } = options
  const codec = options.codec ?? createNodeFrameCodec()
  const shared = { logs: openLogs(options, codec), authorize, refs: refSigner(roles, options.refKeys, nowMs) }
  const { meta, pages } = limits ?? {}
  return {
    metastore:
      roles === 'pages'
        ? undefined
        : createMetastore({
            ...options.metastore,
            ...shared,
            timers,
            nowMs,
            ...(meta !== undefined && { limits: meta }),
            log: (event) => log({ type: 'meta-store', event }),
          }),
    pagestore:
      roles === 'meta'
        ? undefined
        : createPagestore({
            ...options.pagestore,
            ...shared,
            ...stores,
            codec,
            timers,
            ...(pages !== undefined && { limits: pages }),
            log: (event) => log({ type: 'page-store', event }),
          }),
  }
}

function openLogs({ stores, nowMs, recordCacheBytesMax }: ServerOptions, codec: FrameCodec): CommitLogs {
  return createCommitLogs({
    store: stores.commits,
    codec,
    ...(nowMs !== undefined && { nowMs }),
    ...(recordCacheBytesMax !== undefined && { cacheBytesMax: recordCacheBytesMax }),
  })
}

/**
 * Signs segment refs, so that only pages that this deployment made durable can be committed (I1).
 *
 * Where both stores are in one process a key that nobody else knows is enough. Refs do not survive a restart then: the
 * client is told `REFS_EXPIRED` and uploads again.
 */
function refSigner(roles: ServerRoles, keys: readonly RefKey[] | undefined, nowMs: () => number): RefSigner {
  if (keys !== undefined && keys.length > 0) return hmacRefSigner({ keys, nowMs, hmacSha256 })
  if (roles !== 'both') {
    throw new ServerError('REF_KEYS_NEEDED', `a ${roles} store on its own needs the ref keys that the other one uses`)
  }
  const secret = crypto.getRandomValues(new Uint8Array(REF_KEY_BYTES))
  return hmacRefSigner({ keys: [{ id: 'process', secret }], nowMs, hmacSha256 })
}

function hmacSha256(secret: Uint8Array, message: Uint8Array): Uint8Array {
  return new Uint8Array(createHmac('sha256', secret).update(message).digest())
}
