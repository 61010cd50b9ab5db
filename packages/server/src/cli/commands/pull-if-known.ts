import type { Volume } from '@graft-ts/client'
import { LSN_NONE } from '@graft-ts/volume'

/** Pulls, except where the server cannot know the volume yet because its first push did not get through. */
export async function pullIfKnown(volume: Volume, signal: AbortSignal): Promise<void> {
  const { base, pendingCommits } = volume.status()
  if (base.lsn === LSN_NONE && pendingCommits > 0) return
  await volume.pull({ signal })
}
