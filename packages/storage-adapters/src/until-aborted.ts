/**
 * Waits for a reply, but not after the signal has fired: not everything that takes a call listens to one, or at once.
 * Rejects with the signal's reason then; what the reply comes to is dropped.
 */
export function untilAborted<T>(reply: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return reply
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
    reply.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}
