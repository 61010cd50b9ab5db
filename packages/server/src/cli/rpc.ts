import {
  type CommitSummary,
  type GraftTransport,
  historyEntryFromWire,
  MetaService,
  type PullAnswer,
  pullAnswerFromWire,
  snapshotFromWire,
} from '@graft-ts/protocol'
import { idToBytes, type Lsn, type Snapshot, type VolumeId } from '@graft-ts/volume'

/** Asks the meta store who it is: fails at once if it cannot be reached, before anything is made. */
export async function checkReachable({ meta }: GraftTransport, signal: AbortSignal): Promise<void> {
  await meta.unary(MetaService.method.describe, signal, undefined, undefined, {})
}

/** The snapshot of a commit, or of the newest one. Throws `VOLUME_UNKNOWN`, `LSN_FUTURE`. */
export async function fetchSnapshot(
  { meta }: GraftTransport,
  volumeId: VolumeId,
  options: { readonly lsn?: Lsn; readonly signal: AbortSignal },
): Promise<Snapshot> {
  const input = { volumeId: idToBytes(volumeId), lsn: BigInt(options.lsn ?? 0) }
  const { message } = await meta.unary(MetaService.method.getSnapshot, options.signal, undefined, undefined, input)
  return snapshotFromWire(message)
}

/** What changed since a commit, with the newest snapshot. Throws `VOLUME_UNKNOWN`. */
export async function fetchChanges(
  { meta }: GraftTransport,
  volumeId: VolumeId,
  options: { readonly since: Lsn; readonly signal: AbortSignal },
): Promise<PullAnswer> {
  const input = { volumeId: idToBytes(volumeId), since: BigInt(options.since), atLeast: 0n }
  const { message } = await meta.unary(MetaService.method.pull, options.signal, undefined, undefined, input)
  return pullAnswerFromWire(message)
}

/** The commits from one position to another, both included, oldest first. */
export async function fetchHistory(
  { meta }: GraftTransport,
  volumeId: VolumeId,
  options: { readonly from: Lsn; readonly to: Lsn; readonly signal: AbortSignal },
): Promise<CommitSummary[]> {
  const request = { volumeId: idToBytes(volumeId), from: BigInt(options.from), to: BigInt(options.to) }
  const { message } = await meta.stream(MetaService.method.history, options.signal, undefined, undefined, only(request))
  const commits: CommitSummary[] = []
  for await (const entry of message) commits.push(historyEntryFromWire(entry))
  return commits
}

async function* only<T>(value: T): AsyncGenerator<T, void, undefined> {
  yield value
}
