import { type Command, Option } from '@commander-js/extra-typings'
import type { ObjectStore } from '@graft-ts/storage-adapters'
import {
  decodeSegmentIndex,
  parseSegmentId,
  parseVolumeId,
  SegmentError,
  type SegmentId,
  storeKeys,
  type VolumeId,
} from '@graft-ts/volume'
import { examples, type MakeContext } from '../command-options.ts'
import { CliError } from '../errors.ts'
import type { CliContext } from '../io.ts'
import { bytesText, factsText, printResult, tableText } from '../output.ts'
import { type PageRanges, pageRanges, rangesText } from '../page-ranges.ts'
import { withRemote } from '../session.ts'
import { verifyFrames } from '../verify-frames.ts'

interface SegmentOptions {
  readonly store: string
  readonly volume?: string | undefined
}

interface SegmentFacts {
  readonly segmentId: string
  readonly key: string
  readonly byteLength: number
  /** Frames of all runs; every one was decoded and checked. */
  readonly frames: number
  readonly runs: readonly {
    readonly volumeId: string
    readonly pageSize: number
    readonly pages: PageRanges
    readonly offset: number
    readonly frames: number
    /** Bytes in the segment, compressed. */
    readonly byteLength: number
  }[]
}

const RANGES_MAX = 64
const RANGES_SHOWN = 8

/** Adds `graft-ts inspect segment`. */
export function addInspectSegment(inspect: Command, makeContext: MakeContext): void {
  inspect
    .command('segment')
    .summary('one segment: what is in it, every frame checked')
    .argument('<segment>', 'id of the segment')
    .addOption(new Option('--store <dir>', 'folder of the object store').makeOptionMandatory())
    .option('--volume <id>', 'the volume that the segment belongs to, where volumes do not share segments')
    .option('--json', 'print one JSON document')
    .addHelpText('after', examples('inspect segment LkypYaxrn6vHW4gxP7UBZS --store ./data'))
    .action((segment, options) => inspectSegment(makeContext(options.json === true), segment, options))
}

async function inspectSegment(context: CliContext, segmentText: string, options: SegmentOptions): Promise<void> {
  const segmentId = parseSegmentId(segmentText)
  const volumeId = options.volume === undefined ? undefined : parseVolumeId(options.volume)
  const result = await withRemote(context, { store: options.store }, {}, async ({ store }) =>
    segmentFacts(store as ObjectStore, segmentId, volumeId, context.io.signal),
  )
  printResult(context, result, factsOfSegment)
}

async function segmentFacts(
  store: ObjectStore,
  segmentId: SegmentId,
  volumeId: VolumeId | undefined,
  signal: AbortSignal,
): Promise<SegmentFacts> {
  const key = volumeId === undefined ? storeKeys.segment(segmentId) : storeKeys.volumeSegment(volumeId, segmentId)
  const object = await store.get(key, { signal })
  if (object === undefined) throw new CliError('SEGMENT_UNKNOWN', `there is no such segment, key=${key}`)
  const { bytes } = object
  const index = decodeSegmentIndex(bytes)
  if (index.segmentId !== segmentId) {
    throw new SegmentError('FRAME_FOREIGN', `another segment lies there, got=${index.segmentId} expected=${segmentId}`)
  }
  let frames = 0
  const runs: SegmentFacts['runs'][number][] = []
  for (const { volumeId, pageSize, ref } of index.runs) {
    signal.throwIfAborted()
    const checked = await verifyFrames(bytes, ref, { volumeId, ownerId: segmentId, pageSize })
    const byteLength = ref.frames.lengths.reduce((sum, length) => sum + length, 0)
    runs.push({ volumeId, pageSize, pages: pageRanges(ref.pages, RANGES_MAX), offset: ref.offset, frames: checked, byteLength })
    frames += checked
  }
  return { segmentId, key, byteLength: bytes.length, frames, runs }
}

function factsOfSegment(result: SegmentFacts): string {
  const facts = factsText({
    segment: result.segmentId,
    key: result.key,
    bytes: `${result.byteLength} (${bytesText(result.byteLength)})`,
    frames: `${result.frames}, all checked`,
  })
  const rows = result.runs.map((run) => {
    const shown = { ...run.pages, ranges: run.pages.ranges.slice(0, RANGES_SHOWN) }
    const isCut = run.pages.isCut || shown.ranges.length < run.pages.ranges.length
    return [run.volumeId, run.pages.count, run.pageSize, run.frames, run.byteLength, rangesText({ ...shown, isCut })]
  })
  return `${facts}\n\n${tableText(['volume', ' pages', ' page size', ' frames', ' bytes', 'which'], rows)}`
}
