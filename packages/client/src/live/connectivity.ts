/** Whether there is a network, as far as anybody knows. What is asked for by a call is tried all the same. */
export interface Connectivity {
  isOnline(): boolean
  /** Calls a function whenever that may have changed. Returns what ends it. */
  subscribe(listener: () => void): () => void
}

/** Always online: where nobody knows better, trying tells. */
export const ALWAYS_ONLINE: Connectivity = { isOnline: () => true, subscribe: () => () => undefined }

interface Surroundings {
  readonly navigator?: { readonly onLine?: unknown }
  readonly addEventListener?: (type: string, listener: () => void) => void
  readonly removeEventListener?: (type: string, listener: () => void) => void
}

/** What the runtime says, which is what browsers do; elsewhere {@link ALWAYS_ONLINE}. */
export function runtimeConnectivity(surroundings: Surroundings = globalThis): Connectivity {
  const { navigator } = surroundings
  if (typeof navigator?.onLine !== 'boolean' || surroundings.addEventListener === undefined) return ALWAYS_ONLINE
  return {
    isOnline: () => navigator.onLine !== false,
    subscribe(listener) {
      for (const event of ['online', 'offline']) surroundings.addEventListener?.(event, listener)
      return () => {
        for (const event of ['online', 'offline']) surroundings.removeEventListener?.(event, listener)
      }
    },
  }
}
