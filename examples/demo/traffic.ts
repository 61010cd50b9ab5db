// Counts what really crosses the wire of one client: requests and bytes, by method of the two services.

/** Requests and bytes of one client since it was made. */
export interface Traffic {
  readonly requests: number
  readonly bytesUp: number
  readonly bytesDown: number
  /** Requests by method: `Pull`, `Commit`, `WritePages`, `ReadPages`, … */
  readonly byMethod: Readonly<Record<string, number>>
}

/** A `fetch` that counts, and what it counted. */
export interface CountingFetch {
  readonly fetch: typeof fetch
  /** Bytes are those of request and response bodies. */
  readonly traffic: () => Traffic
  /** Settles when no answer is under way any more: a reader goes on as soon as it has its page, the rest arrives later. */
  readonly settled: () => Promise<void>
}

/** Makes one. */
export function countingFetch(): CountingFetch {
  const byMethod: Record<string, number> = {}
  const underWay = new Set<Promise<void>>()
  let requests = 0
  let bytesUp = 0
  let bytesDown = 0

  /** Passes an answer on, and tells when it has ended, also because its reader left. */
  const counted = (body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> => {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        bytesDown += chunk.length
        controller.enqueue(chunk)
      },
    })
    const ended: Promise<void> = body
      .pipeTo(writable)
      .catch(() => undefined)
      .then(() => void underWay.delete(ended))
    underWay.add(ended)
    return readable
  }

  const count: typeof fetch = async (input, init) => {
    const request = new Request(input, init)
    const method = new URL(request.url).pathname.split('/').at(-1) ?? ''
    requests++
    byMethod[method] = (byMethod[method] ?? 0) + 1
    const body = request.body === null ? undefined : new Uint8Array(await request.arrayBuffer())
    bytesUp += body?.length ?? 0
    const { headers, signal } = request
    const response = await fetch(request.url, { method: request.method, headers, signal, ...(body !== undefined && { body }) })
    if (response.body === null) return response
    const { status, statusText } = response
    return new Response(counted(response.body), { status, statusText, headers: response.headers })
  }

  return {
    fetch: count,
    traffic: () => ({ requests, bytesUp, bytesDown, byMethod: { ...byMethod } }),
    async settled() {
      while (underWay.size > 0) await Promise.all(underWay)
    },
  }
}

/** What happened between two counts. */
export function trafficBetween(before: Traffic, after: Traffic): Traffic {
  const methods = new Set([...Object.keys(before.byMethod), ...Object.keys(after.byMethod)])
  const difference = [...methods].map(
    (method) => [method, (after.byMethod[method] ?? 0) - (before.byMethod[method] ?? 0)] as const,
  )
  return {
    requests: after.requests - before.requests,
    bytesUp: after.bytesUp - before.bytesUp,
    bytesDown: after.bytesDown - before.bytesDown,
    byMethod: Object.fromEntries(difference.filter(([, count]) => count > 0)),
  }
}
