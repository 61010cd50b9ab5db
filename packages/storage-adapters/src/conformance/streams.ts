import type { ByteSource } from '../bodies.ts'
import { getStream } from '../streamed.ts'
import { type CheckGroup, equal, equalBytes, fails, failureOf, ok, outcomeOf, pattern, utf8 } from './trial.ts'

const SIZES = [0, 1, 65_536, 100_001, 1_200_000]
// No divisor of anything, so that pieces and chunks never end together.
const CHUNK_BYTES = 77_777

interface SourceOptions {
  /** What the source says of its length; default the truth. */
  readonly size?: number
  /** Called before each chunk with the number of bytes given so far. */
  readonly before?: (givenBytes: number) => unknown
}

/** A source that gives bytes in chunks of an odd length. */
function sourceOf(bytes: Uint8Array, { size = bytes.byteLength, before }: SourceOptions = {}): ByteSource {
  const stream = (): ReadableStream<Uint8Array> => {
    let given = 0
    return new ReadableStream({
      async pull(controller) {
        await before?.(given)
        const chunk = bytes.slice(given, given + CHUNK_BYTES)
        given += chunk.byteLength
        if (chunk.byteLength > 0) controller.enqueue(chunk)
        else controller.close()
      },
    })
  }
  return { size, stream }
}

async function collect(stream: ReadableStream<Uint8Array>): Promise<{ bytes: Uint8Array; largest: number }> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(chunk)
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0))
  let offset = 0
  for (const chunk of chunks) {
    bytes.set(chunk, offset)
    offset += chunk.byteLength
  }
  return { bytes, largest: chunks.reduce((most, chunk) => Math.max(most, chunk.byteLength), 0) }
}

/** Bodies and objects that are not in memory all at once. */
export const streamChecks: CheckGroup = {
  name: 'streams',
  checks: [
    {
      name: 'bytes of every length go in from a source and come out as a stream',
      run: async ({ store, peer, raceBytes }) => {
        // The large ones of a server may be sent in parts.
        for (const size of [...SIZES, Math.max(0, ...raceBytes) + 1]) {
          if (size > store.capabilities.objectBytesMax) continue
          const body = pattern(size, size + 7)
          const { etag } = await store.put('k', sourceOf(body))
          const info = await peer.head('k')
          equal(info?.size, size, `size of ${size} bytes`)
          equal(info?.etag, etag, `etag of ${size} bytes`)
          equalBytes((await peer.get('k'))?.bytes, body, `object of ${size} bytes`)
          const found = await getStream(store, 'k', { pieceBytes: 1_000_000 })
          ok(found !== undefined, 'a present object was not found')
          equal(found.etag, etag, 'etag of the stream')
          equal(found.size, size, 'size of the stream')
          const { bytes, largest } = await collect(found.stream)
          equalBytes(bytes, body, `stream of ${size} bytes`)
          ok(largest <= 1_000_000, `a piece is too long: ${largest}`)
        }
      },
    },
    {
      name: 'a Blob is a body',
      run: async ({ store }) => {
        const body = pattern(200_000, 3)
        await store.put('k', new Blob([body]))
        equalBytes((await store.get('k'))?.bytes, body, 'content of the blob')
      },
    },
    {
      name: 'parts and absent keys as streams',
      run: async ({ store }) => {
        equal(await getStream(store, 'absent'), undefined, 'absent')
        const body = pattern(100_000, 5)
        await store.put('k', body)
        const part = await getStream(store, 'k', { range: { offset: 10, length: 70_000 }, pieceBytes: 30_000 })
        equalBytes((await collect(part?.stream as ReadableStream<Uint8Array>)).bytes, body.subarray(10, 70_010), 'a part')
        const rest = await getStream(store, 'k', { range: { offset: 99_990, length: 70_000 }, pieceBytes: 30_000 })
        equalBytes((await collect(rest?.stream as ReadableStream<Uint8Array>)).bytes, body.subarray(99_990), 'the end')
        const beyond = getStream(store, 'k', { range: { offset: 100_000, length: 1 } })
        await fails('beyond the end', beyond, 'invalid', 'STORE_RANGE')
        await fails('no pieces', getStream(store, 'k', { pieceBytes: 0 }), 'invalid', 'STORE_ARGUMENT')
      },
    },
    {
      name: 'a source that fails or is not as long as it says writes nothing',
      run: async ({ store, peer }) => {
        await store.put('k', utf8('old'))
        const body = pattern(1_000_000)
        const stop = (given: number): void => {
          if (given > 500_000) throw new Error('the source broke')
        }
        const sources: [string, ByteSource][] = [
          ['shorter', sourceOf(body, { size: body.byteLength + 1 })],
          ['longer', sourceOf(body, { size: body.byteLength - 1 })],
          ['failing', sourceOf(body, { before: stop })],
          ['of no length', sourceOf(body, { size: Number.NaN })],
          ['of a negative length', sourceOf(body, { size: -1 })],
        ]
        for (const [what, source] of sources) {
          await fails(what, () => store.put('k', source), 'invalid', 'STORE_ARGUMENT')
          equalBytes((await peer.get('k'))?.bytes, utf8('old'), `after a source that is ${what}`)
          await fails(what, () => store.put('fresh', source), 'invalid', 'STORE_ARGUMENT')
          equal(await peer.head('fresh'), undefined, `written from a source that is ${what}`)
        }
      },
    },
    {
      name: 'nothing of an object can be seen while its source is read',
      run: async ({ store, peer }) => {
        await store.put('k', utf8('old'))
        const seen = new Set<number | undefined>()
        const body = pattern(1_000_000)
        const look = async (): Promise<void> => {
          seen.add((await peer.head('k'))?.size)
          ok((await peer.list({ prefix: '' })).entries.length === 1, 'something else is listed')
        }
        await store.put('k', sourceOf(body, { before: look }))
        equal([...seen].join(), '3', 'sizes while the source was read')
        equalBytes((await peer.get('k'))?.bytes, body, 'in the end')
      },
    },
    {
      name: 'a signal stops a write whose source does not end',
      run: async ({ store, peer }) => {
        await store.put('k', utf8('old'))
        const controller = new AbortController()
        const before = (given: number): Promise<void> | undefined => {
          if (given < 500_000) return undefined
          controller.abort()
          return new Promise(() => undefined)
        }
        const source = sourceOf(pattern(1_000_000), { before })
        const outcome = await outcomeOf(store.put('k', source, { signal: controller.signal }))
        ok(outcome === 'aborted' || outcome === 'unknown', `unexpected outcome ${outcome}`)
        equalBytes((await peer.get('k'))?.bytes, utf8('old'), 'after the write was stopped')
      },
    },
    {
      name: 'a source that is too large is not opened',
      run: async ({ store }) => {
        let isOpened = false
        const stream = (): ReadableStream<Uint8Array> => {
          isOpened = true
          return new ReadableStream()
        }
        const source = { size: store.capabilities.objectBytesMax + 1, stream }
        await fails('put', () => store.put('k', source), 'exhausted', 'STORE_OBJECT_TOO_LARGE')
        equal(isOpened, false, 'opened')
      },
    },
    {
      name: 'a stream is of one version, or fails',
      run: async ({ store, peer }) => {
        const body = pattern(100_000, 8)
        for (const change of ['overwritten', 'deleted']) {
          await store.put('k', body)
          const found = await getStream(store, 'k', { pieceBytes: 10_000 })
          if (change === 'deleted') await peer.delete('k')
          else await peer.put('k', pattern(100_000, 9))
          const call = collect(found?.stream as ReadableStream<Uint8Array>)
          await fails(`a stream of an object that was ${change}`, call, 'conflict', 'STORE_CHANGED')
        }
      },
    },
    {
      name: 'a signal stops a stream, and so does its reader',
      run: async ({ store }) => {
        await store.put('k', pattern(100_000, 8))
        const controller = new AbortController()
        const stopped = await getStream(store, 'k', { pieceBytes: 1000, signal: controller.signal })
        controller.abort()
        ok((await failureOf(collect(stopped?.stream as ReadableStream<Uint8Array>))) !== undefined, 'the stream went on')
        const left = await getStream(store, 'k', { pieceBytes: 1000 })
        await left?.stream.cancel()
      },
    },
  ],
}
