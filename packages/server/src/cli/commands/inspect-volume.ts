import type { Command } from '@commander-js/extra-typings'
import { listAll, type ObjectStore } from '@graft-ts/storage-adapters'
import { idTimestampMs, LSN_NONE, parseVolumeId, storeKeys, type VolumeId } from '@graft-ts/volume'
import { examples, type MakeContext, withRemoteOptions } from '../command-options.ts'
import type { CliContext } from '../io.ts'
import { bytesText, factsText, printResult, timeText } from '../output.ts'
import { type PageRanges, pageRanges, rangesText } from '../page-ranges.ts'
import type { RemoteOptions } from '../remote.ts'
import { fetchChanges } from '../rpc.ts'
import { withRemote } from '../session.ts'

interface StoredFacts {
  readonly commits: number
  readonly commitBytes: number
}

interface VolumeFacts {
  readonly volumeId: string
  readonly createdMs: number
  readonly headLsn: number
  readonly timestampMs: number
  readonly pageSize: number
  readonly pageCount: number
  readonly byteLength: number
  /** Pages that were written and not cut off; the others are zeros. */
  readonly written: PageRanges
  /** What the store holds of it, besides segments, which volumes share; `undefined` behind a server. */
  readonly stored: StoredFacts | undefined
}

const RANGES_MAX = 64

/** Adds `graft-ts inspect volume`. */
export function addInspectVolume(inspect: Command, makeContext: MakeContext): void {
  withRemoteOptions(inspect.command('volume').summary('the newest state of a volume').argument('<volume>', 'id of the volume'))
    .addHelpText('after', examples('inspect volume GonzB7nf68fykBwth1HGxP --store ./data'))
    .action((volume, options) => inspectVolume(makeContext(options.json === true), volume, options))
}

async function inspectVolume(context: CliContext, volumeText: string, options: RemoteOptions): Promise<void> {
  const volumeId = parseVolumeId(volumeText)
  const { signal } = context.io
  const result = await withRemote(context, options, {}, async ({ transport, store }): Promise<VolumeFacts> => {
    const { snapshot, changes } = await fetchChanges(transport, volumeId, { since: LSN_NONE, signal })
    const { lsn, timestampMs, pageSize, pageCount } = snapshot
    return {
      volumeId,
      createdMs: idTimestampMs(volumeId),
      headLsn: lsn,
      timestampMs,
      pageSize,
      pageCount,
      byteLength: pageCount * pageSize,
      written: pageRanges(changes.pages, RANGES_MAX),
      stored: store && (await countCommits(store, volumeId, signal)),
    }
  })
  printResult(context, result, factsOfVolume)
}

async function countCommits(store: ObjectStore, volumeId: VolumeId, signal: AbortSignal): Promise<StoredFacts> {
  let commits = 0
  let commitBytes = 0
  for await (const { size } of listAll(store, { prefix: storeKeys.commitsPrefix(volumeId), signal })) {
    commits++
    commitBytes += size
  }
  return { commits, commitBytes }
}

function factsOfVolume(result: VolumeFacts): string {
  const { stored } = result
  return factsText({
    volume: result.volumeId,
    created: timeText(result.createdMs),
    lsn: `${result.headLsn} of ${timeText(result.timestampMs)}`,
    pages: `${result.pageCount} of ${result.pageSize} bytes (${bytesText(result.byteLength)})`,
    written: `${result.written.count}: ${rangesText(result.written)}`,
    'commits in the store': stored && `${stored.commits} (${bytesText(stored.commitBytes)})`,
  })
}
