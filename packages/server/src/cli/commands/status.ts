import type { Command } from '@commander-js/extra-typings'
import type { VolumeStatus } from '@graft-ts/client'
import { parseVolumeId } from '@graft-ts/volume'
import { examples, type MakeContext, withClientOptions } from '../command-options.ts'
import type { CliContext } from '../io.ts'
import { factsText, printResult, timeText } from '../output.ts'
import { pageRanges, rangesText } from '../page-ranges.ts'
import type { LocalOptions, RemoteOptions } from '../remote.ts'
import { withClient } from '../session.ts'

const RANGES_MAX = 64

/** Adds `graft-ts status`. */
export function addStatus(program: Command, makeContext: MakeContext): void {
  withClientOptions(
    program
      .command('status')
      .summary('show how the local copy of a volume stands')
      .description('Shows how the local copy of a volume stands. Asks nobody, unless the volume is new here.')
      .argument('<volume>', 'id of the volume'),
  )
    .addHelpText('after', examples('status GonzB7nf68fykBwth1HGxP --server http://127.0.0.1:7420'))
    .action((volume, options) => status(makeContext(options.json === true), volume, options))
}

async function status(context: CliContext, volumeText: string, options: RemoteOptions & LocalOptions): Promise<void> {
  const volumeId = parseVolumeId(volumeText)
  const { signal } = context.io
  const result = await withClient(context, options, {}, async (client) => {
    const volume = await client.openVolume(volumeId, { signal })
    return statusFacts(volume.status())
  })
  printResult(context, result, statusText)
}

/** The status as JSON can hold it: page sets become ranges. */
function statusFacts(status: VolumeStatus) {
  const { divergence } = status
  return {
    ...status,
    divergence: divergence && {
      reason: divergence.reason,
      snapshot: divergence.snapshot,
      changed: pageRanges(divergence.changes.pages, RANGES_MAX),
      floor: divergence.changes.floor,
    },
  }
}

function statusText(status: ReturnType<typeof statusFacts>): string {
  const { base, remote, attempt, divergence, lastError } = status
  return factsText({
    volume: status.volumeId,
    sync: status.sync,
    lsn: base.lsn,
    'newest known': remote?.lsn,
    pages: `${status.pageCount} of ${status.pageSize} bytes`,
    'pending commits': status.pendingCommits,
    undecided: attempt && `commit ${attempt.commitId} on ${attempt.baseLsn}${attempt.isRefused ? ', refused' : ''}`,
    diverged: divergence && `${divergence.reason}: ${divergence.changed.count} pages changed: ${rangesText(divergence.changed)}`,
    'last error': lastError && `${lastError.code} at ${timeText(lastError.atMs)}: ${lastError.message}`,
  })
}
