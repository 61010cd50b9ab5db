import { type Authorize, type CommitProposal, checked, type Principal } from '@graft-ts/protocol'
import type { Call, RequestSlots } from '@graft-ts/protocol/service'
import { LSN_NONE, type VolumeId, volumeIdFromBytes } from '@graft-ts/volume'
import { MetastoreError } from './errors.ts'
import type { MetaMethod } from './events.ts'

/** The names in a commit. */
export type CommitNames = Pick<CommitProposal, 'volumeId' | 'baseLsn' | 'commitId' | 'clientId'>

/** Lets calls in: who wants something learns nothing before it is clear that they may have it. */
export class Admission {
  readonly #authorize: Authorize
  readonly #slots: RequestSlots
  #isClosed = false

  constructor(authorize: Authorize, slots: RequestSlots) {
    this.#authorize = authorize
    this.#slots = slots
  }

  /** Lets nobody in any more. */
  close(): void {
    this.#isClosed = true
  }

  /** Throws `METASTORE_CLOSED` if nobody is let in. */
  checkOpen(): void {
    if (this.#isClosed) throw metastoreClosed()
  }

  /** The volume that somebody may read. */
  async reader(call: Call<MetaMethod>, volumeIdBytes: Uint8Array): Promise<VolumeId> {
    this.checkOpen()
    const volumeId = checked('volume', () => volumeIdFromBytes(volumeIdBytes))
    call.about(volumeId)
    this.#enter(call, await this.#authorize({ headers: call.headers, action: 'read', volumeId, isMetadata: true }))
    return volumeId
  }

  /** Who commits. The first commit of a volume needs both `create` and `write`. */
  async writer(call: Call<MetaMethod>, names: CommitNames): Promise<Principal> {
    const { volumeId, baseLsn } = names
    const { headers } = call
    call.about(volumeId)
    if (baseLsn === LSN_NONE) await this.#authorize({ headers, action: 'create', volumeId })
    const principal = await this.#authorize({ headers, action: 'write', volumeId })
    this.#enter(call, principal)
    return principal
  }

  /**
   * Who may read all of several volumes, and until when. One that may not be read refuses them all, so that nothing is told
   * of any.
   */
  async watcher(call: Call<MetaMethod>, volumeIds: Iterable<VolumeId>): Promise<Principal> {
    const { headers } = call
    const asked = Array.from(volumeIds, (volumeId) => this.#authorize({ headers, action: 'read', volumeId, isMetadata: true }))
    const principals = await Promise.all(asked)
    const [{ id }] = principals as [Principal, ...Principal[]]
    call.principal = id
    // A watch has limits of its own, and may last.
    this.#slots.leave(call.signal)
    // Permissions may end at different times; the watch ends with the first.
    const expiresAtMs = principals.reduce((first, { expiresAtMs = first }) => Math.min(first, expiresAtMs), NEVER_MS)
    return { id, ...(expiresAtMs !== NEVER_MS && { expiresAtMs }) }
  }

  #enter(call: Call<MetaMethod>, { id }: Principal): void {
    call.principal = id
    call.onEnd(this.#slots.enterAs(id))
  }
}

const NEVER_MS = Number.POSITIVE_INFINITY

/** Says that the meta store is shutting down. */
export function metastoreClosed(): MetastoreError {
  return new MetastoreError('METASTORE_CLOSED', 'the meta store is closed')
}
