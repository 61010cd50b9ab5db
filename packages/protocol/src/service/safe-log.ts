/** A log that cannot fail its caller: what it throws is ignored, for what is logged has happened already. */
export function safeLog<Event>(log: ((event: Event) => void) | undefined): (event: Event) => void {
  if (log === undefined) return () => undefined
  return (event) => {
    try {
      log(event)
    } catch {
      // A broken log must not break a request, nor a write that is already durable.
    }
  }
}
