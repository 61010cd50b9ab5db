/** A signal of one's own that also fires when somebody else's does. */
export interface Follower {
  readonly controller: AbortController
  /** Lets go of the other signal. Has to be called in the end, and may be called again. */
  readonly letGo: () => void
}

/**
 * Makes a signal that fires, with the same reason, when another one does.
 *
 * Not `AbortSignal.any`: a long-lived signal of the caller would collect what hangs on it.
 */
export function follow(signal: AbortSignal | undefined): Follower {
  const controller = new AbortController()
  const passOn = (): void => controller.abort(signal?.reason)
  signal?.addEventListener('abort', passOn, { once: true })
  if (signal?.aborted === true) passOn()
  return { controller, letGo: () => signal?.removeEventListener('abort', passOn) }
}
