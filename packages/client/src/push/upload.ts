import type { SignedSegmentRef } from '@graft-ts/protocol'
import { Splinter } from '@graft-ts/splinter'
import { ClientError } from '../errors.ts'
import { retried } from '../retry.ts'
import { type LocalCommit, newestVersions } from '../state/local-commit.ts'
import { type Upload, usablePages } from '../state/volume-state.ts'
import type { VolumeCore } from '../volume-core.ts'

const REQUESTS_IN_FLIGHT = 4
// Room in a request for everything but the pages.
const REQUEST_OVERHEAD_BYTES = 64 * 1024

/** Pages of local commits in ascending order, concatenated: the newest version of each. Fresh bytes. */
export async function readPages(
  core: VolumeCore,
  commits: readonly LocalCommit[],
  pages: Splinter,
): Promise<Uint8Array<ArrayBuffer>> {
  const { pageSize, store, memory } = core
  const data = new Uint8Array(pages.size * pageSize)
  for (const { sequence, pages: versions } of newestVersions(commits)) {
    const places = Array.from(versions.intersection(pages), (pageIndex) => ({ sequence, pageIndex }))
    const cached = places.map(({ pageIndex }) => memory.findLocal(sequence, pageIndex))
    const stored = await store.lookup.local(places.filter((_, i) => cached[i] === undefined))
    let nextStored = 0
    for (const [i, { pageIndex }] of places.entries()) {
      const bytes = cached[i] ?? stored[nextStored++]
      if (bytes === undefined)
        throw new ClientError('LOCAL_STORE_CORRUPT', `a local commit lacks a page, page=${pageIndex} sequence=${sequence}`)
      data.set(bytes, (pages.rank(pageIndex) - 1) * pageSize)
    }
  }
  return data
}

/** Which uploads can serve the pages of an attempt, oldest first, and which pages none of them has. */
function coverage(
  uploads: readonly Upload[],
  commits: readonly LocalCommit[],
  own: Splinter,
): { refs: SignedSegmentRef[]; missing: Splinter } {
  const missing = own.clone()
  const refs: SignedSegmentRef[] = []
  for (const upload of uploads) {
    const usable = usablePages(upload, commits)
    if (usable.isDisjointFrom(own)) continue
    // Refs may overlap: where they do, the later one wins, and it holds the same version or a newer one.
    for (const ref of upload.refs) refs.push(ref)
    missing.deleteAll(usable)
  }
  return { refs, missing }
}

/**
 * Makes the pages of an attempt durable on the page store, as far as they are not there already (I1), and remembers what
 * was uploaded, so that a crash or a lost race does not cost it again.
 *
 * @returns The refs that hold all of them.
 */
export async function uploadPages(
  core: VolumeCore,
  commits: readonly LocalCommit[],
  own: Splinter,
  signal: AbortSignal | undefined,
): Promise<SignedSegmentRef[]> {
  const { remote, retry } = core.client
  const { refsMax } = await retried(retry, signal, () => remote.metaLimits({ signal }))
  const covered = coverage(core.state.uploads, commits, own)
  let chunks = await chunksOf(core, covered.missing, signal)
  if (covered.refs.length + chunks.length > refsMax) {
    // Pushes that were refused again and again have left many small uploads: more than a commit may name.
    await core.savePush((state) => ({ ...state, uploads: [] }), false)
    chunks = await chunksOf(core, own, signal)
  }
  await uploadChunks(chunks, signal, (chunk, stop) => uploadChunk(core, commits, chunk, stop))
  return coverage(core.state.uploads, commits, own).refs
}

/** Uploads side by side. Ends when all of it has ended: what came in later might not fit the commits of that time. */
async function uploadChunks(
  chunks: readonly Splinter[],
  signal: AbortSignal | undefined,
  upload: (chunk: Splinter, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failing = new AbortController()
  const stop = signal === undefined ? failing.signal : AbortSignal.any([signal, failing.signal])
  const next = chunks[Symbol.iterator]()
  const failures: unknown[] = []
  const worker = async (): Promise<void> => {
    try {
      for (const chunk of next) await upload(chunk, stop)
    } catch (error) {
      failures.push(error)
      failing.abort(error)
    }
  }
  await Promise.all(Array.from({ length: REQUESTS_IN_FLIGHT }, worker))
  if (failures.length > 0) throw failures[0]
}

async function chunksOf(core: VolumeCore, pages: Splinter, signal: AbortSignal | undefined): Promise<Splinter[]> {
  if (pages.size === 0) return []
  const { remote, retry } = core.client
  const { writePagesMax, requestBytesMax } = await retried(retry, signal, () => remote.pageLimits({ signal }))
  const byBytes = Math.floor((requestBytesMax - REQUEST_OVERHEAD_BYTES) / core.pageSize)
  const chunkPages = Math.max(1, Math.min(writePagesMax, byBytes))
  const all = pages.toUint32Array()
  return Array.from({ length: Math.ceil(all.length / chunkPages) }, (_, i) =>
    Splinter.from(all.subarray(i * chunkPages, (i + 1) * chunkPages)),
  )
}

async function uploadChunk(
  core: VolumeCore,
  commits: readonly LocalCommit[],
  pages: Splinter,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { volumeId, pageSize, client } = core
  const data = await readPages(core, commits, pages)
  const refs = await retried(client.retry, signal, () =>
    client.remote.writePages({ volumeId, pageSize, pages, data }, { signal }),
  )
  const upload: Upload = { pages, lastSequence: (commits.at(-1) as LocalCommit).sequence, refs }
  await core.savePush((state) => ({ ...state, uploads: [...state.uploads, upload] }), false)
}
