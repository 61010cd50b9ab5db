import type { Command } from '@commander-js/extra-typings'
import type { Volume, VolumeSnapshot } from '@graft-ts/client'
import { type Lsn, parseVolumeId } from '@graft-ts/volume'
import { exportFile } from '../../files/export-file.ts'
import { examples, type MakeContext, withClientOptions } from '../command-options.ts'
import type { CliContext } from '../io.ts'
import { parseLsnText } from '../numbers.ts'
import { bytesText, factsText, printResult } from '../output.ts'
import { withProgress } from '../progress.ts'
import type { LocalOptions, RemoteOptions } from '../remote.ts'
import { withClient } from '../session.ts'
import { pullIfKnown } from './pull-if-known.ts'

interface ExportOptions extends RemoteOptions, LocalOptions {
  readonly lsn?: string | undefined
  readonly force?: boolean | undefined
}

interface ExportResult {
  readonly volumeId: string
  readonly file: string
  readonly lsn: number
  readonly pageCount: number
  readonly byteLength: number
  /** Pages that were not in the local store yet. */
  readonly fetchedPages: number
  /** Local commits in the file that the server does not have yet. */
  readonly pendingCommits: number
}

/** Adds `graft-ts export`. */
export function addExport(program: Command, makeContext: MakeContext): void {
  withClientOptions(
    program
      .command('export')
      .summary('write a volume to a file')
      .description('Writes all pages of a volume to a file, which appears whole or not at all.')
      .argument('<volume>', 'id of the volume')
      .argument('<file>', 'where to write; must not exist')
      .option('--lsn <lsn>', 'a past commit; default: the newest one, with local commits that are not sent yet')
      .option('--force', 'replace a file that exists'),
  )
    .addHelpText(
      'after',
      examples(
        'export GonzB7nf68fykBwth1HGxP words.db --server http://127.0.0.1:7420',
        'export GonzB7nf68fykBwth1HGxP words.db --lsn 17 --force --store ./data',
      ),
    )
    .action((volume, file, options) => exportVolume(makeContext(options.json === true), volume, file, options))
}

async function exportVolume(context: CliContext, volumeText: string, file: string, options: ExportOptions): Promise<void> {
  const volumeId = parseVolumeId(volumeText)
  const lsn = options.lsn === undefined ? undefined : parseLsnText(options.lsn, '--lsn')
  const result = await withClient(context, options, {}, async (client) => {
    const volume = await client.openVolume(volumeId, { signal: context.io.signal })
    const snapshot = await snapshotToExport(context, volume, lsn)
    try {
      return await writeSnapshot(context, snapshot, file, options.force === true)
    } finally {
      snapshot.close()
    }
  })
  printResult(context, result, exportText)
}

async function snapshotToExport({ io }: CliContext, volume: Volume, lsn: Lsn | undefined): Promise<VolumeSnapshot> {
  const { signal } = io
  if (lsn !== undefined) return volume.snapshotAt(lsn, { signal })
  await pullIfKnown(volume, signal)
  return volume.snapshot()
}

async function writeSnapshot(
  context: CliContext,
  snapshot: VolumeSnapshot,
  file: string,
  isForced: boolean,
): Promise<ExportResult> {
  const { signal } = context.io
  const { pagesFetched } = await withProgress(context, (onProgress) =>
    exportFile(snapshot, file, { isForced, signal, onProgress }),
  )
  const { volumeId, lsn, pageCount, pageSize, pendingCommits } = snapshot
  return { volumeId, file, lsn, pageCount, byteLength: pageCount * pageSize, fetchedPages: pagesFetched, pendingCommits }
}

function exportText(result: ExportResult): string {
  return factsText({
    file: result.file,
    lsn: result.lsn,
    pages: `${result.pageCount} (${bytesText(result.byteLength)})`,
    fetched: result.fetchedPages,
    ...(result.pendingCommits > 0 && { 'local commits in it': result.pendingCommits }),
  })
}
