// Making and reading frames by the codec of Node, against the compression streams of the web.
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { Splinter } from '@graft-ts/splinter'
import {
  decodeFrame,
  type EncodedRun,
  encodeRun,
  type FrameCodec,
  framePages,
  frameRange,
  newSegmentId,
  newVolumeId,
  PAGE_SIZE_DEFAULT,
  type Run,
  type SegmentRef,
  systemIdSource,
  webFrameCodec,
} from '@graft-ts/volume'
import { createNodeFrameCodec } from '@graft-ts/volume/node'
import { buildWordNet } from '../../examples/demo/word-net.ts'
import { timeSideBySide } from '../harness/side-by-side.ts'
import type { BenchmarkContext, Measurement, Subject } from '../harness/subject.ts'
import { seeded } from '../splinter/random.ts'

const ROUNDS = 5
const FRAMES = 64
const FRAME_BYTES = 64 * PAGE_SIZE_DEFAULT
const MEBIBYTES = (FRAMES * FRAME_BYTES) / 2 ** 20

const CODECS: readonly [string, FrameCodec][] = [
  ['deflate-raw, level 3 (default)', createNodeFrameCodec()],
  ['deflate-raw, level 6', createNodeFrameCodec({ level: 6 })],
  ['zstd, level 3', createNodeFrameCodec({ format: 'zstd' })],
]
/** Frames as they are made without a look at them first. */
const eager = createNodeFrameCodec()

const owner = newSegmentId(systemIdSource)
const volumeId = newVolumeId(systemIdSource)

export const subject: Subject = {
  description: 'frames of 64 pages, 4 KiB each: the codec of Node against web streams, and noise against compressing it',
  run: async (context) => {
    const sqlite = runOf(await databaseBytes(context))
    const noise = runOf(noiseBytes())
    const measurements: Measurement[] = []
    for (const [name, codec] of CODECS) measurements.push(...(await compare(context, name, codec, sqlite)))
    measurements.push(await noiseUntried(context, noise))
    return measurements
  },
}

async function compare(context: BenchmarkContext, name: string, codec: FrameCodec, run: Run): Promise<Measurement[]> {
  context.progress(name)
  const [ours, baseline] = [await encodeRun(run, owner, codec), await encodeRun(run, owner, webFrameCodec)]
  const encoding = await timeSideBySide({
    rounds: ROUNDS,
    ours: async () => void (await encodeRun(run, owner, codec)),
    baseline: async () => void (await encodeRun(run, owner, webFrameCodec)),
  })
  const decoding = await timeSideBySide({
    rounds: ROUNDS,
    ours: () => decodeAll(run, ours, codec),
    baseline: () => decodeAll(run, baseline, webFrameCodec),
  })
  const baselineName = 'web streams, deflate-raw'
  return [
    speed(`SQLite pages into frames, ${name}`, encoding.ours, encoding.baseline, baselineName),
    speed(`frames into SQLite pages, ${name}`, decoding.ours, decoding.baseline, baselineName),
    {
      case: `stored bytes per byte of SQLite pages, ${name}`,
      unit: 'bytes',
      better: 'less',
      ours: ours.byteLength / run.data.length,
      baseline: baseline.byteLength / run.data.length,
      baselineName,
    },
  ]
}

async function noiseUntried(context: BenchmarkContext, run: Run): Promise<Measurement> {
  context.progress('noise')
  const times = await timeSideBySide({
    rounds: ROUNDS,
    ours: async () => void (await encodeRun(run, owner, eager)),
    baseline: async () => {
      const starts = Array.from({ length: FRAMES }, (_, frame) => frame * FRAME_BYTES)
      await Promise.all(starts.map((start) => eager.deflateRaw(run.data.subarray(start, start + FRAME_BYTES))))
    },
  })
  return speed('noise into frames, which are kept raw', times.ours, times.baseline, 'deflating it, to find that out')
}

function speed(name: string, oursMs: number, baselineMs: number, baselineName: string): Measurement {
  const perSecond = (ms: number): number => MEBIBYTES / (ms / 1000)
  return { case: name, unit: 'MiB/s', better: 'more', ours: perSecond(oursMs), baseline: perSecond(baselineMs), baselineName }
}

async function decodeAll(run: Run, encoded: EncodedRun, codec: FrameCodec): Promise<void> {
  const ref: SegmentRef = { segmentId: owner, pages: run.pages, offset: 0, frames: encoded.frames }
  const bytes = Buffer.concat(encoded.parts)
  const frames = Array.from(encoded.frames.checksums, (checksum, frame) => {
    const { offset, length } = frameRange(ref, frame)
    const expected = { volumeId, ownerId: owner, pageSize: run.pageSize, checksum, ...framePages(ref, run.pageSize, frame) }
    return decodeFrame(bytes.subarray(offset, offset + length), expected, codec)
  })
  await Promise.all(frames)
}

function runOf(data: Uint8Array): Run {
  return { volumeId, pageSize: PAGE_SIZE_DEFAULT, pages: Splinter.fromRange(1, FRAMES * 64), data }
}

/** Pages of a SQLite database, from all over it. */
async function databaseBytes({ scratch, progress }: BenchmarkContext): Promise<Uint8Array> {
  progress('building the database')
  const path = join(scratch, 'wordnet.db')
  await buildWordNet(path)
  await using file = await open(path)
  const { size } = await file.stat()
  const step = Math.floor(size / FRAMES / PAGE_SIZE_DEFAULT) * PAGE_SIZE_DEFAULT
  const data = new Uint8Array(FRAMES * FRAME_BYTES)
  for (let frame = 0; frame < FRAMES; frame++) {
    const { bytesRead } = await file.read(data, frame * FRAME_BYTES, FRAME_BYTES, Math.min(frame * step, size - FRAME_BYTES))
    if (bytesRead !== FRAME_BYTES) throw new Error('the database is too short')
  }
  return data
}

function noiseBytes(): Uint8Array {
  const random = seeded(5)
  return Uint8Array.from({ length: FRAMES * FRAME_BYTES }, () => random(256))
}
