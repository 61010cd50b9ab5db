import { ClientError } from '../errors.ts'

/** What is needed of the Web Locks API: `navigator.locks` in browsers, Deno and Node. */
export interface LockManagerLike {
  request(
    name: string,
    options: { readonly mode: 'exclusive'; readonly ifAvailable: true },
    callback: (lock: unknown) => Promise<void>,
  ): Promise<unknown>
}

/** The locks of the runtime; `undefined`: it has none. */
export function runtimeLocks(): LockManagerLike | undefined {
  return (globalThis as { navigator?: { locks?: LockManagerLike } }).navigator?.locks
}

/** The name of the lock that the owner of a store holds; `undefined`: the store has no name that others could open. */
export function lockNameOf(store: { readonly location?: string; readonly namePrefix?: string }): string | undefined {
  const { location, namePrefix = '' } = store
  return location === undefined ? undefined : `graft-ts:${namePrefix}${location}`
}

/**
 * Takes a lock without waiting for it. It is held until it is let go of, or the tab or process ends, however that happens.
 *
 * @returns Lets go of it.
 * @throws {@link ClientError} `LOCAL_STORE_LOCKED` if another one holds it, `LOCAL_STORE_FAILED` if there is no asking.
 */
export function takeLock(locks: LockManagerLike, name: string): Promise<() => void> {
  return new Promise((resolve, reject) => {
    const hold = (lock: unknown): Promise<void> => {
      if (lock !== null) return new Promise((release) => resolve(release))
      reject(new ClientError('LOCAL_STORE_LOCKED', 'another tab, process or client has the local store open'))
      return Promise.resolve()
    }
    locks.request(name, { mode: 'exclusive', ifAvailable: true }, hold).catch((cause: unknown) => {
      reject(new ClientError('LOCAL_STORE_FAILED', 'the local store could not be locked', { cause }))
    })
  })
}
