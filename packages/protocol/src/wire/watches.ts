import { create } from '@bufbuild/protobuf'
import { idToBytes, type Lsn, parseLsn, type VolumeId, volumeIdFromBytes } from '@graft-ts/volume'
import { ProtocolError } from '../errors.ts'
import { type WatchEvent, WatchEventSchema, type WatchRequest, WatchRequestSchema } from '../gen/graft/v1/graft_pb.ts'
import { checked } from './snapshots.ts'

/** A commit that a watcher is told of. */
export interface VolumeAdvance {
  readonly volumeId: VolumeId
  /** The newest commit that is known; older ones are not told any more. */
  readonly lsn: Lsn
}

/** The message that asks for a watch: volumes, each with the LSN that the client has of it (0: nothing). */
export function watchRequestToWire(volumes: Iterable<readonly [VolumeId, Lsn]>): WatchRequest {
  const watched = Array.from(volumes, ([volumeId, knownLsn]) => ({ volumeId: idToBytes(volumeId), knownLsn: BigInt(knownLsn) }))
  return create(WatchRequestSchema, { volumes: watched })
}

/**
 * The volumes that a client wants to watch, with the LSN that it has of each. Of a volume that is named twice the lower one
 * counts.
 *
 * @param limits.volumesMax How many are accepted.
 * @throws {@link ProtocolError} `MESSAGE_INVALID`, also for none; `WATCH_TOO_LARGE` (I11).
 */
export function watchRequestFromWire(message: WatchRequest, limits: { readonly volumesMax: number }): Map<VolumeId, Lsn> {
  const { length } = message.volumes
  if (length === 0) throw new ProtocolError('MESSAGE_INVALID', 'a watch of no volumes')
  if (length > limits.volumesMax) {
    throw new ProtocolError('WATCH_TOO_LARGE', `too many volumes in a watch, volumes=${length} most=${limits.volumesMax}`)
  }
  const volumes = new Map<VolumeId, Lsn>()
  for (const watched of message.volumes) {
    const [volumeId, knownLsn] = checked('watch', () => [volumeIdFromBytes(watched.volumeId), parseLsn(watched.knownLsn)])
    const other = volumes.get(volumeId)
    if (other === undefined || knownLsn < other) volumes.set(volumeId, knownLsn)
  }
  return volumes
}

/** The message of an event; `undefined`: of a heartbeat. */
export function watchEventToWire(advance: VolumeAdvance | undefined): WatchEvent {
  if (advance === undefined) return create(WatchEventSchema)
  return create(WatchEventSchema, { volumeId: idToBytes(advance.volumeId), lsn: BigInt(advance.lsn) })
}

/**
 * What an event tells.
 *
 * @returns `undefined`: a heartbeat.
 * @throws {@link ProtocolError} `MESSAGE_INVALID` (I11).
 */
export function watchEventFromWire(message: WatchEvent): VolumeAdvance | undefined {
  if (message.volumeId.length === 0) return undefined
  return checked('watch', () => ({ volumeId: volumeIdFromBytes(message.volumeId), lsn: parseLsn(message.lsn) }))
}
