// Page store: pages written and read over HTTP, against a server that keeps and gives back the same bytes.
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { timeSideBySide } from '../harness/side-by-side.ts'
import type { BenchmarkContext, Measurement, Subject } from '../harness/subject.ts'
import { CONNECTIONS, Load, type ReadyRequest } from './load.ts'
import { PAGE_BYTES, type PageSource, REQUEST_PAGES, randomPages, sqlitePages } from './pages.ts'
import { type ServerProcess, type ServerSettings, startProcess } from './server-process.ts'
import { newVolume, writeRequest, writeVolume } from './volumes.ts'

const ROUNDS = 7
// A server meets its thousandth request compiled, and the one without logic its tenth.
const READ_WARM_UP_ROUNDS = 8
// Each leaves 32 MiB on both disks.
const WRITE_WARM_UP_ROUNDS = 3
const REQUESTS = 128
const CACHE_BYTES = 64 * 2 ** 20
const MEBIBYTE = 2 ** 20
const RAW_TARGET = 0.5
const SHARED_VOLUME_TARGET = 0.8
const BARE = 'bare Node HTTP server, same store'

export const subject: Subject = {
  description: `pages over HTTP, ${CONNECTIONS} connections, ${REQUEST_PAGES} pages of ${PAGE_BYTES} bytes a request, against a server without logic`,
  run: async (context) => {
    const rows: Measurement[] = []
    const sources = [randomPages(REQUESTS), await sqlitePages(context.scratch)]
    for (const source of sources) {
      for (const isRaw of [true, false]) {
        const codec = isRaw ? 'raw' : 'default codec'
        for (const isDurable of [false, true]) rows.push(...(await writeRows(context, source, codec, isDurable)))
        rows.push(...(await readRows(context, source, codec)))
        rows.push(await diskWarmRow(context, source, codec))
      }
    }
    return rows
  },
}

type Codec = 'raw' | 'default codec'

interface Side {
  readonly server: ServerProcess
  readonly load: Load
  readonly folder: string
}

interface Sides {
  ours: Side
  readonly bare: Side
}

type SideSettings = Omit<ServerSettings, 'folder'>

async function openSide(context: BenchmarkContext, name: 'ours' | 'bare', settings: SideSettings): Promise<Side> {
  const folder = join(context.scratch, name)
  const server = await startProcess(name, { ...settings, folder })
  return { server, load: new Load(server.port), folder }
}

async function closeSide({ server, load }: Side): Promise<void> {
  load.close()
  await server.stop()
}

/** Runs with both servers on empty folders. */
async function withSides<T>(context: BenchmarkContext, settings: SideSettings, run: (sides: Sides) => Promise<T>): Promise<T> {
  const open = (name: 'ours' | 'bare') => openSide(context, name, settings)
  const sides: Sides = { ours: await open('ours'), bare: await open('bare') }
  try {
    return await run(sides)
  } finally {
    for (const side of Object.values(sides)) {
      await closeSide(side)
      await rm(side.folder, { recursive: true, force: true })
    }
  }
}

async function writeRows(
  context: BenchmarkContext,
  source: PageSource,
  codec: Codec,
  isDurable: boolean,
): Promise<Measurement[]> {
  const name = `write, ${source.content} pages, ${codec}, ${isDurable ? 'both sides fsync' : 'neither side fsyncs'}`
  context.progress(name)
  return withSides(context, { isDurable, isRaw: codec === 'raw', cacheBytesMax: CACHE_BYTES }, async ({ ours, bare }) => {
    let writes: ReadyRequest[] = []
    let key = 0
    const volumes = Array.from({ length: CONNECTIONS }, newVolume)
    const before = async (): Promise<void> => {
      writes = Array.from({ length: REQUESTS }, (_, i) =>
        writeRequest(volumes[i % CONNECTIONS] as (typeof volumes)[number], i, source.dataOf(i)),
      )
    }
    const times = await timeSideBySide({
      rounds: ROUNDS,
      warmUpRounds: WRITE_WARM_UP_ROUNDS,
      before,
      ours: () => ours.load.sendAll(writes),
      baseline: () =>
        bare.load.sendAll(writes.map((write) => ({ ...write, path: `/w/${key++}`, headers: { 'x-side': 'write' } }))),
    })
    const rows: Measurement[] = [rateRow(name, times, codec === 'raw' ? RAW_TARGET : undefined)]
    if (!isDurable) rows.push(...(await costRows(name, { ours, bare })))
    if (codec === 'raw') rows.push(await oneVolumeRow(name, writes, ours.load))
    return rows
  })
}

function rateRow(
  name: string,
  times: { readonly ours: number; readonly baseline: number },
  target: number | undefined,
  baselineName = BARE,
): Measurement {
  const pagesPerSecond = (ms: number): number => (REQUESTS * REQUEST_PAGES) / (ms / 1000)
  const ours = pagesPerSecond(times.ours)
  const baseline = pagesPerSecond(times.baseline)
  return { case: name, unit: 'pages/s', better: 'more', ours, baseline, baselineName, target }
}

/** Writers of one volume against writers of volumes of their own, on our server alone. */
async function oneVolumeRow(name: string, writes: readonly ReadyRequest[], load: Load): Promise<Measurement> {
  const volumeId = newVolume()
  const shared = writes.map((_, i) =>
    writeRequest(volumeId, i, (writes[i] as ReadyRequest).body.subarray(-REQUEST_PAGES * PAGE_BYTES)),
  )
  const times = await timeSideBySide({
    rounds: ROUNDS,
    ours: () => load.sendAll(shared),
    baseline: () => load.sendAll(writes),
  })
  const baselineName = `${CONNECTIONS} writers of volumes of their own`
  return rateRow(`${name}, ${CONNECTIONS} writers of one volume`, times, SHARED_VOLUME_TARGET, baselineName)
}

/** What memory the servers took at most, and what lies on the store for each page. */
async function costRows(name: string, { ours, bare }: Sides): Promise<Measurement[]> {
  const pages = (WRITE_WARM_UP_ROUNDS + ROUNDS) * REQUESTS * REQUEST_PAGES
  const perMillion = (count: number): number => (count / pages) * 1e6
  const [stored, plain] = [await filesIn(ours.folder), await filesIn(bare.folder)]
  const [peak, barePeak] = [await ours.server.report(), await bare.server.report()]
  const common = { better: 'less', baselineName: BARE } as const
  return [
    {
      ...common,
      case: `${name}: peak memory`,
      unit: 'MiB',
      ours: peak.peakBytes / MEBIBYTE,
      baseline: barePeak.peakBytes / MEBIBYTE,
    },
    {
      ...common,
      case: `${name}: stored, per million pages`,
      unit: 'MiB',
      ours: perMillion(stored.bytes) / MEBIBYTE,
      baseline: perMillion(plain.bytes) / MEBIBYTE,
    },
    {
      ...common,
      case: `${name}: objects, per million pages`,
      unit: 'objects',
      ours: perMillion(stored.count),
      baseline: perMillion(plain.count),
    },
  ]
}

async function filesIn(folder: string): Promise<{ readonly count: number; readonly bytes: number }> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  let [count, bytes] = [0, 0]
  for (const entry of entries) {
    if (!entry.isFile()) continue
    const { size } = await stat(join(entry.parentPath, entry.name))
    // Marks of who owns the folder are empty.
    if (size > 1024) count += 1
    bytes += size
  }
  return { count, bytes }
}

async function readRows(context: BenchmarkContext, source: PageSource, codec: Codec): Promise<Measurement[]> {
  const rows: Measurement[] = []
  for (const { temperature, cacheBytesMax } of [
    { temperature: 'from the store', cacheBytesMax: 0 },
    { temperature: 'memory-warm', cacheBytesMax: CACHE_BYTES },
  ]) {
    const name = `read ${temperature}, ${source.content} pages, ${codec}`
    context.progress(name)
    const settings = { isDurable: false, isRaw: codec === 'raw', cacheBytesMax }
    const times = await withSides(context, settings, async ({ ours, bare }) => {
      const { requests, plain } = await readyReads({ ours, bare }, source)
      return timeSideBySide({
        rounds: ROUNDS,
        warmUpRounds: READ_WARM_UP_ROUNDS,
        ours: () => ours.load.sendAll(requests),
        baseline: () => bare.load.sendAll(plain),
      })
    })
    rows.push(rateRow(name, times, codec === 'raw' && cacheBytesMax > 0 ? RAW_TARGET : undefined))
  }
  return rows
}

/** Writes the same pages to both sides, reads all of ours once, and gives the requests that read them again. */
async function readyReads(
  { ours, bare }: Sides,
  source: PageSource,
): Promise<{ readonly requests: readonly ReadyRequest[]; readonly plain: readonly ReadyRequest[] }> {
  const reads = await writeVolume(ours.server.port, ours.load, REQUESTS, source)
  await bare.load.sendAll(reads.map(({ answer }, i) => ({ path: `/r/${i}`, headers: { 'x-side': 'write' }, body: answer })))
  const requests = reads.map(({ ready }) => ready)
  return { requests, plain: requests.map((ready, i) => ({ ...ready, path: `/r/${i}` })) }
}

/** Ours is started anew, without memory for frames and without segments to read: what it answers comes from its disk. */
async function diskWarmRow(context: BenchmarkContext, source: PageSource, codec: Codec): Promise<Measurement> {
  const name = `read disk-warm, after a restart, ${source.content} pages, ${codec}`
  context.progress(name)
  const diskCacheFolder = join(context.scratch, 'disk-cache')
  const settings = { isDurable: false, isRaw: codec === 'raw', cacheBytesMax: 0, diskCacheFolder }
  const times = await withSides(context, settings, async (sides) => {
    const { requests, plain } = await readyReads(sides, source)
    await closeSide(sides.ours)
    await rm(join(sides.ours.folder, 'segments'), { recursive: true })
    sides.ours = await openSide(context, 'ours', settings)
    return timeSideBySide({
      rounds: ROUNDS,
      warmUpRounds: READ_WARM_UP_ROUNDS,
      ours: () => sides.ours.load.sendAll(requests),
      baseline: () => sides.bare.load.sendAll(plain),
    })
  })
  await rm(diskCacheFolder, { recursive: true })
  return rateRow(name, times, codec === 'raw' ? RAW_TARGET : undefined)
}
