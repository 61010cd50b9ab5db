import type { Command } from '@commander-js/extra-typings'
import type { CommitSummary, GraftTransport } from '@graft-ts/protocol'
import { type Lsn, parseLsn, parseVolumeId, type VolumeId } from '@graft-ts/volume'
import { examples, type MakeContext, withRemoteOptions } from '../command-options.ts'
import type { CliContext } from '../io.ts'
import { parseInteger, parseLsnText } from '../numbers.ts'
import { printResult, tableText, timeText } from '../output.ts'
import type { RemoteOptions } from '../remote.ts'
import { fetchHistory, fetchSnapshot } from '../rpc.ts'
import { withRemote } from '../session.ts'
import { type CommitFacts, commitFacts } from './commit-facts.ts'

interface LogOptions extends RemoteOptions {
  readonly limit: string
  readonly from?: string | undefined
}

interface LogResult {
  readonly volumeId: string
  readonly headLsn: number
  /** Oldest first. */
  readonly commits: readonly CommitFacts[]
}

const LIMIT_MAX = 10_000

/** Adds `graft-ts log`. */
export function addLog(program: Command, makeContext: MakeContext): void {
  withRemoteOptions(
    program
      .command('log')
      .summary('show the commits of a volume, newest last')
      .argument('<volume>', 'id of the volume')
      .option('--limit <number>', `how many commits at most, up to ${LIMIT_MAX}`, '50')
      .option('--from <lsn>', 'the first one; default: so that the newest are shown'),
  )
    .addHelpText(
      'after',
      examples(
        'log GonzB7nf68fykBwth1HGxP --server http://127.0.0.1:7420',
        'log GonzB7nf68fykBwth1HGxP --from 1 --limit 10 --store ./data --json',
      ),
    )
    .action((volume, options) => log(makeContext(options.json === true), volume, options))
}

async function log(context: CliContext, volumeText: string, options: LogOptions): Promise<void> {
  const volumeId = parseVolumeId(volumeText)
  const limit = parseInteger(options.limit, '--limit', { min: 1, max: LIMIT_MAX })
  const from = options.from === undefined ? undefined : parseLsnText(options.from, '--from')
  const { signal } = context.io
  const result = await withRemote(context, options, {}, async ({ transport }): Promise<LogResult> => {
    const head = await fetchSnapshot(transport, volumeId, { signal })
    const commits = await fetchCommits(transport, volumeId, { ...logRange(head.lsn, limit, from), signal })
    return { volumeId, headLsn: head.lsn, commits: commits.map(commitFacts) }
  })
  printResult(context, result, logText)
}

/** Which commits to show: `from` may be past the head, and then there are none. */
function logRange(head: Lsn, limit: number, from: Lsn | undefined): { readonly from: Lsn; readonly to: Lsn } {
  const first = from ?? Math.max(1, head - limit + 1)
  return { from: parseLsn(first), to: parseLsn(Math.min(head, first + limit - 1)) }
}

async function fetchCommits(
  transport: GraftTransport,
  volumeId: VolumeId,
  range: { readonly from: Lsn; readonly to: Lsn; readonly signal: AbortSignal },
): Promise<CommitSummary[]> {
  return range.from > range.to ? [] : fetchHistory(transport, volumeId, range)
}

function logText({ commits, headLsn }: LogResult): string {
  if (commits.length === 0) return `no commit in that range; the newest one is ${headLsn}`
  const rows = commits.map((commit) => [
    commit.lsn,
    timeText(commit.timestampMs),
    commit.changed.count,
    commit.pageCount,
    commit.floor === undefined ? '' : `cut to ${commit.floor}`,
    commit.commitId,
    commit.clientId,
  ])
  return tableText([' lsn', 'time', ' changed', ' pages', 'floor', 'commit', 'client'], rows)
}
