import type { MetastoreEvent } from '@graft-ts/metastore'
import type { PagestoreEvent } from '@graft-ts/pagestore'

/** What a server reports while it works. Holds ids, counts and codes: never page contents, tokens or keys. */
export type ServerEvent =
  | { readonly type: 'listening'; readonly url: string }
  | {
      /** Nobody is asked who he is: `authorize` is `allowEverybody`. */
      readonly type: 'open-to-everybody'
      readonly url: string
      readonly isLoopbackOnly: boolean
    }
  | {
      readonly type: 'request'
      readonly method: string
      readonly path: string
      readonly status: number
      /** Until the answer began; a stream may go on after that. */
      readonly durationMs: number
    }
  | {
      /** A bug: a request that ended in something other than an answer. */
      readonly type: 'request-broken'
      readonly path: string
      readonly error: unknown
    }
  | { readonly type: 'meta-store'; readonly event: MetastoreEvent }
  | { readonly type: 'page-store'; readonly event: PagestoreEvent }
  | { readonly type: 'stopping'; readonly requestsInFlight: number }
  | {
      readonly type: 'stopped'
      /** Requests that were still running at the deadline. */
      readonly requestsCutOff: number
      /** Whether every write that was accepted was decided; `false`: the time was over, and outcomes are unknown. */
      readonly isSettled: boolean
    }

/** Takes the events. What it throws is ignored. */
export type ServerLog = (event: ServerEvent) => void
