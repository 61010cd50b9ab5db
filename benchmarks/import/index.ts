// Importing a SQLite database into a new volume, against copying its file.
import { mkdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { buildWordNet } from '../../examples/demo/word-net.ts'
import { timeSideBySide } from '../harness/side-by-side.ts'
import type { BenchmarkContext, Measurement, Subject } from '../harness/subject.ts'
import { bareCopy } from './bare-copy.ts'
import { type ImportOptions, importDatabase } from './import-database.ts'

const ROUNDS = 5
const MEBIBYTE = 2 ** 20

const CASES: readonly ImportOptions[] = [
  { route: 'embedded', isDurable: true },
  { route: 'embedded', isDurable: false },
  { route: 'http', isDurable: true },
  { route: 'http', isDurable: false },
]

export const subject: Subject = {
  description: 'import of WordNet into a new volume on a file system, against a bare copy of the same file',
  run: async (context) => {
    const database = join(context.scratch, 'wordnet.db')
    context.progress('building the database')
    await buildWordNet(database)
    const { size } = await stat(database)
    const measurements: Measurement[] = []
    for (const options of CASES) measurements.push(await measure(context, database, size, options))
    return measurements
  },
}

async function measure(context: BenchmarkContext, database: string, size: number, options: ImportOptions): Promise<Measurement> {
  const { route, isDurable } = options
  const mebibytes = size / MEBIBYTE
  const sync = isDurable ? 'both sides fsync' : 'neither side fsyncs'
  const name = `${route}, ${mebibytes.toFixed(1)} MiB, ${sync}`
  context.progress(name)
  const folder = join(context.scratch, `${route}-${isDurable ? 'durable' : 'fast'}`)
  const sides = { ours: join(folder, 'ours'), baseline: join(folder, 'baseline') }
  const times = await timeSideBySide({
    rounds: ROUNDS,
    before: async () => {
      await rm(folder, { recursive: true, force: true })
      for (const side of Object.values(sides)) await mkdir(side, { recursive: true })
    },
    ours: () => importDatabase(database, sides.ours, options),
    baseline: () => bareCopy(database, join(sides.baseline, 'copy.db'), { isDurable }),
  })
  await rm(folder, { recursive: true, force: true })
  return {
    case: name,
    unit: 'MiB/s',
    better: 'more',
    ours: mebibytes / (times.ours / 1000),
    baseline: mebibytes / (times.baseline / 1000),
    baselineName: isDurable ? 'fs read, write, fsync' : 'fs read, write',
  }
}
