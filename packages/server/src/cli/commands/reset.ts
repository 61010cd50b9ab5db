import type { Command } from '@commander-js/extra-typings'
import { parseVolumeId } from '@graft-ts/volume'
import { examples, type MakeContext, withClientOptions } from '../command-options.ts'
import type { CliContext } from '../io.ts'
import { factsText, printResult } from '../output.ts'
import type { LocalOptions, RemoteOptions } from '../remote.ts'
import { withClient } from '../session.ts'
import { pullIfKnown } from './pull-if-known.ts'

/** Adds `graft-ts reset`. */
export function addReset(program: Command, makeContext: MakeContext): void {
  withClientOptions(
    program
      .command('reset')
      .summary('drop local commits that were never sent')
      .description('Drops the local commits of a volume that were never sent, and goes on from the newest state of the server.')
      .argument('<volume>', 'id of the volume'),
  )
    .addHelpText('after', examples('reset GonzB7nf68fykBwth1HGxP --server http://127.0.0.1:7420'))
    .action((volume, options) => reset(makeContext(options.json === true), volume, options))
}

async function reset(context: CliContext, volumeText: string, options: RemoteOptions & LocalOptions): Promise<void> {
  const volumeId = parseVolumeId(volumeText)
  const { signal } = context.io
  const result = await withClient(context, options, {}, async (client) => {
    const volume = await client.openVolume(volumeId, { signal })
    const droppedCommits = volume.status().pendingCommits
    // A reset goes to the newest commit that is known, so that has to be asked for first.
    await pullIfKnown(volume, signal)
    await volume.reset()
    return { volumeId, droppedCommits, lsn: volume.status().base.lsn }
  })
  printResult(context, result, ({ droppedCommits, lsn }) =>
    factsText({ volume: volumeId, 'dropped commits': droppedCommits, lsn }),
  )
}
