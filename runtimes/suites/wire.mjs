// What the suites of the stores share: clients, proposals, pages.
import { createClient } from '@connectrpc/connect'
import {
  commitAnswerFromWire,
  commitProposalToWire,
  httpTransport,
  MetaService,
  PageService,
  pullAnswerFromWire,
  readPagesFromWire,
} from '@graft-ts/protocol'
import { Splinter } from '@graft-ts/splinter'
import { idToBytes, newClientId, newCommitId, parsePageSize, systemIdSource } from '@graft-ts/volume'
import { ok, refusalOf } from '../checks.mjs'
import { tokenOf } from '../settings.mjs'

export const PAGE_SIZE = parsePageSize(512)

/** Clients of both stores. `rights`: what a token says, see `tokenOf`; or a function that gives one; or `null` for none. */
export function clientsOf({ baseUrl, caller }, rights = {}) {
  const token = typeof rights === 'function' ? rights : tokenOf(caller, rights ?? {})
  const transport = httpTransport({ baseUrl, ...(rights !== null && { token }) })
  const meta = createClient(MetaService, transport.meta)
  const pages = createClient(PageService, transport.pages)
  return {
    meta,
    pages,
    commit: async (proposal) => commitAnswerFromWire(await meta.commit(commitProposalToWire(proposal))),
    pull: async (volumeId, since = 0) =>
      pullAnswerFromWire(await meta.pull({ volumeId: idToBytes(volumeId), since: BigInt(since) })),
    write: async (volumeId, indexes, data) =>
      (await pages.writePages({ volumeId: idToBytes(volumeId), pageSize: PAGE_SIZE, pages: setBytes(indexes), data })).refs,
    async read(volumeId, lsn, wanted) {
      const found = new Map()
      const request = { volumeId: idToBytes(volumeId), lsn: BigInt(lsn), wanted: setBytes(wanted) }
      for await (const group of pages.readPages(request)) {
        for (const { pageIndex, bytes } of readPagesFromWire(group, PAGE_SIZE)) found.set(pageIndex, bytes)
      }
      return found
    },
  }
}

/** A commit on a base. `pages` are inline and hold `fill`; with `refs` there are none unless they are named. */
export function proposalOf(volumeId, baseLsn, { pages = [1], own = pages, fill = baseLsn + 1, refs = [], ...other } = {}) {
  const inline = { pages: Splinter.from(pages), data: new Uint8Array(pages.length * PAGE_SIZE).fill(fill) }
  return {
    ...{ volumeId, baseLsn, refs, floor: undefined, pageSize: PAGE_SIZE },
    clientId: newClientId(systemIdSource),
    commitId: newCommitId(systemIdSource),
    pageCount: Math.max(...own),
    own: Splinter.from(own),
    inline: pages.length === 0 ? undefined : inline,
    ...other,
  }
}

/**
 * Checks that a request larger than the limit has no effect and does no harm. Its body is left unread, so its connection
 * may break before the answer is read, also under the request after it: which is sent again, as any may be (I6).
 */
export async function checkOversized(send, describe) {
  const refusal = await refusalOf(send())
  ok(['exhausted MESSAGE_TOO_LARGE', 'unknown OUTCOME_UNKNOWN'].includes(refusal), `not refused for its size: ${refusal}`)
  for (let attempt = 1; ; attempt++) {
    const outcome = await refusalOf(describe())
    if (outcome === 'no refusal') return
    ok(attempt < 4 && outcome === 'unavailable NO_ANSWER', `nothing is answered any more: ${outcome}`)
  }
}

/** Whole numbers from 1 to `count`. */
export const upTo = (count) => Array.from({ length: count }, (_, i) => i + 1)

/** Bytes that do not compress, from a linear congruential generator. */
export function noise(length, seed) {
  let state = seed
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state >>> 24
  })
}

function setBytes(indexes) {
  return Splinter.from(indexes).toBytes()
}
