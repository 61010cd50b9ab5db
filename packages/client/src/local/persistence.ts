/** What is needed of the Storage API: `navigator.storage` in browsers. */
export interface StorageManagerLike {
  persisted(): Promise<boolean>
  persist(): Promise<boolean>
}

/** What happens to the local store when the device runs short of space. */
export type Persistence =
  /** It stays, unless the user removes it. */
  | 'persistent'
  /** It may be removed, pending commits and all. */
  | 'best-effort'
  /** Nobody was asked, or there is no answer. */
  | 'unknown'

/** Asks for the store to be kept, unless it is already. Never fails. */
export async function askToPersist(manager: StorageManagerLike): Promise<Persistence> {
  try {
    return (await manager.persisted()) || (await manager.persist()) ? 'persistent' : 'best-effort'
  } catch {
    return 'unknown'
  }
}
