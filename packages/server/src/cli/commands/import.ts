import type { Command } from '@commander-js/extra-typings'
import type { Client, Volume } from '@graft-ts/client'
import { PAGE_SIZE_DEFAULT, type PageSize, parseVolumeId } from '@graft-ts/volume'
import { importFile } from '../../files/import-file.ts'
import { SourceFile } from '../../files/source-file.ts'
import { examples, type MakeContext, withClientOptions } from '../command-options.ts'
import { CliError } from '../errors.ts'
import type { CliContext } from '../io.ts'
import { parsePageSizeText } from '../numbers.ts'
import { bytesText, factsText, printResult } from '../output.ts'
import { withProgress } from '../progress.ts'
import type { LocalOptions, RemoteOptions } from '../remote.ts'
import { checkReachable } from '../rpc.ts'
import { withClient } from '../session.ts'
import { pullIfKnown } from './pull-if-known.ts'

interface ImportOptions extends RemoteOptions, LocalOptions {
  readonly volume?: string | undefined
  readonly raw?: boolean | undefined
  readonly pageSize?: string | undefined
}

interface ImportResult {
  readonly volumeId: string
  readonly lsn: number
  readonly pageSize: number
  readonly pageCount: number
  /** Pages that differed from the volume, and were written. */
  readonly changedPages: number
  /** Whether anything was sent; `false`: the volume was like the file already. */
  readonly isCommitted: boolean
  /** Commits of others that were met on the way, and what had to be compared again because of them. */
  readonly conflicts: number
}

/** Adds `graft-ts import`. */
export function addImport(program: Command, makeContext: MakeContext): void {
  withClientOptions(
    program
      .command('import')
      .summary('make a volume equal to a SQLite database or another file')
      .description(
        'Makes a volume equal to a file, in one commit that holds only the pages that differ. Without --volume a new volume ' +
          'is made, whose id is printed. Nobody may write to the file meanwhile. What others commit to the volume meanwhile ' +
          'is replaced too, and stays readable at its LSN.',
      )
      .argument('<file>', 'a SQLite database; its header tells the page size')
      .option('--volume <id>', 'the volume to change')
      .option('--raw', 'take any file, not only a SQLite database')
      .option('--page-size <bytes>', 'page size of a raw file; default 4096'),
  )
    .addHelpText(
      'after',
      examples(
        'import words.db --server http://127.0.0.1:7420',
        'import words.db --volume GonzB7nf68fykBwth1HGxP --server http://127.0.0.1:7420',
        'import disk.img --raw --page-size 65536 --store ./data',
      ),
    )
    .action((file, options) => runImport(makeContext(options.json === true), file, options))
}

async function runImport(context: CliContext, path: string, options: ImportOptions): Promise<void> {
  const volumeId = options.volume === undefined ? undefined : parseVolumeId(options.volume)
  const source = await SourceFile.open(path, { rawPageSize: rawPageSize(options) })
  try {
    const result = await withClient(context, options, { isStoreMade: true }, async (client, { transport }) => {
      // An unreachable server is better found out before a volume is made.
      await checkReachable(transport, context.io.signal)
      const volume =
        volumeId === undefined
          ? await client.createVolume({ pageSize: source.pageSize })
          : await openForImport(client, context, volumeId)
      return fill(context, volume, source)
    })
    printResult(context, result, importText)
  } finally {
    await source.close()
  }
}

function rawPageSize({ raw, pageSize }: ImportOptions): PageSize | undefined {
  if (raw === true) return pageSize === undefined ? PAGE_SIZE_DEFAULT : parsePageSizeText(pageSize)
  if (pageSize === undefined) return undefined
  throw new CliError('USAGE', '--page-size goes with --raw only: a SQLite database tells its own')
}

async function openForImport(client: Client, { io }: CliContext, volumeId: Volume['volumeId']): Promise<Volume> {
  const volume = await client.openVolume(volumeId, { signal: io.signal })
  await pullIfKnown(volume, io.signal)
  return volume
}

async function fill(context: CliContext, volume: Volume, source: SourceFile): Promise<ImportResult> {
  const { signal } = context.io
  const changedPages = await withProgress(context, (onProgress) => importFile(volume, source, { signal, onProgress }))
  if (volume.status().pendingCommits > 0) {
    context.note(`nothing is lost: what was imported waits in the local store; go on with: import … --volume ${volume.volumeId}`)
  }
  const pushed = await volume.push({ signal })
  const { volumeId, pageSize } = volume
  const { lsn, pageCount } = pushed.snapshot
  const isCommitted = pushed.type === 'pushed'
  return { volumeId, lsn, pageSize, pageCount, changedPages, isCommitted, conflicts: isCommitted ? pushed.conflicts : 0 }
}

function importText(result: ImportResult): string {
  return factsText({
    volume: result.volumeId,
    lsn: result.lsn,
    pages: `${result.pageCount} of ${result.pageSize} bytes`,
    changed: `${result.changedPages} (${bytesText(result.changedPages * result.pageSize)})`,
    ...(!result.isCommitted && { commit: 'none: the volume was equal to the file already' }),
    ...(result.conflicts > 0 && { 'commits of others met': result.conflicts }),
  })
}
