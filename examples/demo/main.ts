// Builds a real database, starts a server on a fresh folder, and shows in six demonstrations what graft-ts promises.
// Exits with 1 if one of them does not hold. `--keep` leaves the server up until Ctrl-C.
import { relative } from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'
import type { VolumeId } from '@graft-ts/volume'
import { COMMAND_LINE_PATH } from './command-line.ts'
import { DemoDatabase } from './database.ts'
import { Report } from './report.ts'
import { Scene } from './scene.ts'
import { showCatchUp } from './steps/catch-up.ts'
import { showConflict } from './steps/conflict.ts'
import { showExport } from './steps/export.ts'
import { showImport } from './steps/import.ts'
import { showLazyReads } from './steps/lazy-reads.ts'
import { showUpdate } from './steps/update.ts'
import { buildWordNet } from './word-net.ts'

const EXIT_INTERRUPTED = 130

async function run(scene: Scene, isKept: boolean, interrupted: Promise<never>): Promise<void> {
  const databasePath = scene.path('words.db')
  const startedMs = performance.now()
  const rows = await buildWordNet(databasePath)
  const total = (rows.synsets + rows.words + rows.relations).toLocaleString('en')
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
  print(`WordNet 3.1 as a SQLite database: ${total} rows and two indexes, built in ${seconds} s`)
  const server = await scene.startServer()
  print(`serving ${scene.storeDirectory} on ${server.url}\n`)
  const database = await DemoDatabase.open(databasePath)
  const report = new Report()
  try {
    const died = server.ended.then((exitCode) => {
      throw new Error(`the server has ended, exit code ${exitCode}`)
    })
    const volumeId = await Promise.race([demonstrate(scene, database, report), died, interrupted])
    report.print()
    print(`all of it holds, ${((performance.now() - startedMs) / 1000).toFixed(1)} s in all`)
    if (isKept) {
      printCommands(scene, volumeId)
      await Promise.race([interrupted, died])
    }
  } finally {
    database.close()
  }
}

async function demonstrate(scene: Scene, database: DemoDatabase, report: Report): Promise<VolumeId> {
  const writer = await scene.openClient('writer')
  const reader = await scene.openClient('reader')
  const written = await showImport(scene, writer, database, report)
  const read = await showLazyReads(reader, written.volumeId, database, report)
  await showUpdate(writer, written, database, report)
  await showCatchUp({ writer, written, reader, read, database, copyPath: scene.path('before.db') }, report)
  await showConflict(writer, reader, report)
  await showExport(scene, reader, read, database, report)
  return written.volumeId
}

function printCommands(scene: Scene, volumeId: VolumeId): void {
  const remote = `--server ${scene.url}`
  const local = `--local ${scene.path('local-cli')}`
  print(`
The server is up until Ctrl-C, which also removes ${scene.directory}. In another terminal, in this folder:

  alias graft-ts='npx node --conditions=@graft-ts/source ${relative(process.cwd(), COMMAND_LINE_PATH)}'
  graft-ts log ${volumeId} ${remote} --limit 5
  graft-ts inspect volume ${volumeId} ${remote}
  graft-ts inspect commit ${volumeId} 1 --store ${scene.storeDirectory}
  graft-ts export ${volumeId} words.db ${remote} ${local}
  graft-ts import words.db --volume ${volumeId} ${remote} ${local}
  graft-ts status ${volumeId} ${remote} ${local}
  graft-ts --help`)
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** Rejects when somebody wants the demo to end. */
function interruption(): Promise<never> {
  const interrupted = new Promise<never>((_, reject) => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => reject(new Interrupted()))
  })
  interrupted.catch(() => undefined)
  return interrupted
}

class Interrupted extends Error {}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { keep: { type: 'boolean', default: false } } })
  const interrupted = interruption()
  const scene = await Scene.open()
  try {
    await run(scene, values.keep, interrupted)
    return 0
  } catch (error) {
    if (error instanceof Interrupted) return values.keep ? 0 : EXIT_INTERRUPTED
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
    return 1
  } finally {
    await scene.close()
  }
}

void main().then((exitCode) => process.exit(exitCode))
