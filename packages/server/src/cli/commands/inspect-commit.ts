import type { Command } from '@commander-js/extra-typings'
import { createCommitLogs } from '@graft-ts/commit-log'
import type { ObjectStore } from '@graft-ts/storage-adapters'
import { type CommitRecord, type Lsn, parseVolumeId, RecordError, sealedLength, storeKeys, type VolumeId } from '@graft-ts/volume'
import { examples, type MakeContext, withRemoteOptions } from '../command-options.ts'
import type { CliContext } from '../io.ts'
import { parseLsnText } from '../numbers.ts'
import { bytesText, factsText, printResult, timeText } from '../output.ts'
import { type PageRanges, pageRanges, rangesText } from '../page-ranges.ts'
import type { RemoteOptions } from '../remote.ts'
import { fetchHistory } from '../rpc.ts'
import { withRemote } from '../session.ts'
import { verifyFrames } from '../verify-frames.ts'
import { type CommitFacts, commitFacts } from './commit-facts.ts'

/** What only the stored record tells. */
interface RecordFacts {
  readonly recordBytes: number
  /** SHA-256 of the record before; empty for the first. */
  readonly previousHash: string
  readonly checkpointLsn: number
  readonly refs: readonly {
    /** `undefined`: the frames are in the commit itself. */
    readonly segmentId: string | undefined
    readonly pages: PageRanges
    readonly offset: number
    readonly frames: number
    readonly byteLength: number
  }[]
  readonly layers: readonly { readonly pages: number; readonly floor: number | undefined }[]
  /** Frames in the commit itself, all of them checked. */
  readonly inlineFrames: number
}

type CommitResult = CommitFacts & { readonly volumeId: string; readonly record: RecordFacts | undefined }

const RANGES_MAX = 64

/** Adds `graft-ts inspect commit`. */
export function addInspectCommit(inspect: Command, makeContext: MakeContext): void {
  withRemoteOptions(
    inspect
      .command('commit')
      .summary('one commit; with --store its record too, checked')
      .argument('<volume>', 'id of the volume')
      .argument('<lsn>', 'position of the commit'),
  )
    .addHelpText('after', examples('inspect commit GonzB7nf68fykBwth1HGxP 17 --store ./data'))
    .action((volume, lsn, options) => inspectCommit(makeContext(options.json === true), volume, lsn, options))
}

async function inspectCommit(context: CliContext, volumeText: string, lsnText: string, options: RemoteOptions): Promise<void> {
  const volumeId = parseVolumeId(volumeText)
  const lsn = parseLsnText(lsnText, 'the lsn')
  const { signal } = context.io
  const result = await withRemote(context, options, {}, async ({ transport, store }): Promise<CommitResult> => {
    const [commit] = await fetchHistory(transport, volumeId, { from: lsn, to: lsn, signal })
    if (commit === undefined) throw new RecordError('RECORD_CONTENT', `the history lacks a commit, volume=${volumeId} lsn=${lsn}`)
    return { volumeId, ...commitFacts(commit), record: store && (await recordFacts(store, volumeId, lsn)) }
  })
  printResult(context, result, commitText)
}

async function recordFacts(store: ObjectStore, volumeId: VolumeId, lsn: Lsn): Promise<RecordFacts> {
  const record = await createCommitLogs({ store }).volume(volumeId).record(lsn)
  const object = await store.get(storeKeys.commit(volumeId, lsn))
  if (object === undefined) throw new RecordError('RECORD_TRUNCATED', `the commit vanished while it was read, lsn=${lsn}`)
  const recordBytes = sealedLength(object.bytes)
  return {
    recordBytes,
    previousHash: hex(record.previousHash),
    checkpointLsn: record.checkpointLsn,
    refs: record.refs.map((ref) => ({
      segmentId: ref.segmentId,
      pages: pageRanges(ref.pages, RANGES_MAX),
      offset: ref.offset,
      frames: ref.frames.lengths.length,
      byteLength: ref.frames.lengths.reduce((sum, length) => sum + length, 0),
    })),
    layers: record.layers.map((layer) => ({ pages: layer.pages.size, floor: layer.floor })),
    inlineFrames: await verifyInline(record, object.bytes.subarray(recordBytes)),
  }
}

/** Checks the frames behind a record. Throws `RECORD_TRUNCATED`, `RECORD_CHECKSUM`, or what a frame has. */
async function verifyInline(record: CommitRecord, bytes: Uint8Array<ArrayBuffer>): Promise<number> {
  const { inline, volumeId, pageSize, commitId: ownerId } = record
  const byteLength = inline?.byteLength ?? 0
  if (bytes.length !== byteLength) {
    throw new RecordError('RECORD_TRUNCATED', `inline frames: length differs, bytes=${bytes.length} expected=${byteLength}`)
  }
  if (inline === undefined) return 0
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  if (hex(hash) !== hex(inline.hash)) throw new RecordError('RECORD_CHECKSUM', 'inline frames: hash differs')
  let frames = 0
  for (const ref of record.refs) {
    if (ref.segmentId === undefined) frames += await verifyFrames(bytes, ref, { volumeId, ownerId, pageSize })
  }
  return frames
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

function commitText(result: CommitResult): string {
  const { record, changed } = result
  const facts = {
    volume: result.volumeId,
    lsn: result.lsn,
    commit: result.commitId,
    client: result.clientId,
    time: timeText(result.timestampMs),
    pages: `${result.pageCount} of ${result.pageSize} bytes`,
    'cut to': result.floor,
    changed: changed.count === 0 ? '0' : `${changed.count}: ${rangesText(changed)}`,
    segments: result.segmentIds.length === 0 ? undefined : result.segmentIds.join(' '),
    'inline frames': result.inlineBytes === 0 ? undefined : bytesText(result.inlineBytes),
  }
  if (record === undefined) return factsText(facts)
  const layers = record.layers.map(({ pages, floor }) => (floor === undefined ? `${pages}` : `${pages} (cut to ${floor})`))
  return factsText({
    ...facts,
    record: `${bytesText(record.recordBytes)}, checked`,
    'hash of the previous': record.previousHash === '' ? 'none: it is the first' : record.previousHash,
    'pages in rollup layers': layers.length === 0 ? 'no layer' : layers.join(', '),
  })
}
