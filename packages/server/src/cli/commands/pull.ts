import type { Command } from '@commander-js/extra-typings'
import { parseVolumeId } from '@graft-ts/volume'
import { examples, type MakeContext, withClientOptions } from '../command-options.ts'
import type { CliContext } from '../io.ts'
import { factsText, printResult } from '../output.ts'
import { type PageRanges, pageRanges, rangesText } from '../page-ranges.ts'
import type { LocalOptions, RemoteOptions } from '../remote.ts'
import { withClient } from '../session.ts'

interface PullFacts {
  readonly volumeId: string
  /** The commit that was known before; 0: the volume is new here. */
  readonly fromLsn: number
  readonly lsn: number
  readonly pageCount: number
  /** `undefined` where the volume is new: all of it. */
  readonly changed: PageRanges | undefined
  /** The lowest page count that was truncated to. */
  readonly floor: number | undefined
  /** `false`: local commits are pending, so that reading stays where it is until they are sent. */
  readonly isApplied: boolean
}

const RANGES_MAX = 64

/** Adds `graft-ts pull`. */
export function addPull(program: Command, makeContext: MakeContext): void {
  withClientOptions(
    program
      .command('pull')
      .summary('learn which pages of a volume have changed')
      .description('Learns which pages of a volume have changed, and fetches none of them: they are fetched when they are read.')
      .argument('<volume>', 'id of the volume'),
  )
    .addHelpText('after', examples('pull GonzB7nf68fykBwth1HGxP --server http://127.0.0.1:7420'))
    .action((volume, options) => pull(makeContext(options.json === true), volume, options))
}

async function pull(context: CliContext, volumeText: string, options: RemoteOptions & LocalOptions): Promise<void> {
  const volumeId = parseVolumeId(volumeText)
  const { signal } = context.io
  const result = await withClient(context, options, {}, async (client): Promise<PullFacts> => {
    const isKnown = (await client.volumes()).includes(volumeId)
    const volume = await client.openVolume(volumeId, { signal })
    const fromLsn = isKnown ? volume.status().base.lsn : 0
    const { snapshot, changes, isApplied } = await volume.pull({ signal })
    const changed = isKnown ? pageRanges(changes.pages, RANGES_MAX) : undefined
    return { volumeId, fromLsn, lsn: snapshot.lsn, pageCount: snapshot.pageCount, changed, floor: changes.floor, isApplied }
  })
  printResult(context, result, pullText)
}

function pullText(result: PullFacts): string {
  const { changed } = result
  return factsText({
    volume: result.volumeId,
    lsn: result.fromLsn === result.lsn ? `${result.lsn} (nothing new)` : `${result.fromLsn} -> ${result.lsn}`,
    pages: result.pageCount,
    changed: changed === undefined ? 'all: new here' : `${changed.count}${changed.count > 0 ? `: ${rangesText(changed)}` : ''}`,
    'cut to': result.floor,
    ...(!result.isApplied && { note: 'local commits are pending; reading goes on from before until they are sent' }),
  })
}
