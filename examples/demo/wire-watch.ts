// Looks at the messages of one client as they pass: which pages are asked for, which arrive, which commits conflict.

import {
  type CommitResponse,
  changesFromWire,
  type GraftTransport,
  type ReadPagesRequest,
  type ReadPagesResponse,
} from '@graft-ts/protocol'
import { Splinter } from '@graft-ts/splinter'
import { type Changes } from '@graft-ts/volume'

type Transport = GraftTransport['pages']

/** What passed since the last look. */
export interface Passed {
  /** Pages that somebody waits for. */
  readonly wanted: Splinter
  /** Pages that the prefetcher asked for beside them. */
  readonly prefetched: Splinter
  /** Pages that came. */
  readonly arrived: Splinter
  /** Bytes of those pages. */
  readonly pageBytes: number
  /** What changed, according to each commit that was refused. */
  readonly conflicts: readonly Changes[]
}

/** A transport that is watched. */
export interface WireWatch {
  readonly transport: GraftTransport
  /** What passed since the last call. */
  readonly look: () => Passed
}

interface Passing {
  wanted: Splinter
  prefetched: Splinter
  arrived: Splinter
  pageBytes: number
  conflicts: Changes[]
}

/** Watches a transport. */
export function watchWire(inner: GraftTransport): WireWatch {
  let passing = nothing()
  return {
    transport: {
      meta: { unary: watchCommits(inner.meta, () => passing), stream: inner.meta.stream.bind(inner.meta) },
      pages: { unary: inner.pages.unary.bind(inner.pages), stream: watchReads(inner.pages, () => passing) },
    },
    look() {
      const passed = passing
      passing = nothing()
      return passed
    },
  }
}

function nothing(): Passing {
  return { wanted: new Splinter(), prefetched: new Splinter(), arrived: new Splinter(), pageBytes: 0, conflicts: [] }
}

function watchCommits(inner: Transport, passing: () => Passing): Transport['unary'] {
  return async (method, ...rest) => {
    const response = await inner.unary(method, ...rest)
    if (method.name === 'Commit') {
      const { outcome } = response.message as unknown as CommitResponse
      if (outcome.case === 'conflict') passing().conflicts.push(changesFromWire(outcome.value))
    }
    return response
  }
}

function watchReads(inner: Transport, passing: () => Passing): Transport['stream'] {
  return async (method, signal, timeoutMs, header, input, contextValues) => {
    const isRead = method.name === 'ReadPages'
    const watched = isRead ? watchRequests(input, passing) : input
    const response = await inner.stream(method, signal, timeoutMs, header, watched, contextValues)
    return isRead ? { ...response, message: watchAnswers(response.message, passing) } : response
  }
}

async function* watchRequests<T>(requests: AsyncIterable<T>, passing: () => Passing): AsyncGenerator<T, void, undefined> {
  for await (const request of requests) {
    const { wanted, alsoUseful } = request as unknown as ReadPagesRequest
    passing().wanted.addAll(Splinter.fromBytes(wanted))
    if (alsoUseful.length > 0) passing().prefetched.addAll(Splinter.fromBytes(alsoUseful))
    yield request
  }
}

async function* watchAnswers<T>(answers: AsyncIterable<T>, passing: () => Passing): AsyncGenerator<T, void, undefined> {
  for await (const answer of answers) {
    const { pages, data } = answer as unknown as ReadPagesResponse
    passing().arrived.addAll(Splinter.fromBytes(pages))
    passing().pageBytes += data.length
    yield answer
  }
}
