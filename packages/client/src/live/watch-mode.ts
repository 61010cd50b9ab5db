/** How heads are followed at the moment. */
export type WatchMode =
  /** Nobody wants to know. */
  | 'off'
  | 'connecting'
  /** A stream of the meta store tells. */
  | 'watching'
  /** The meta store is asked now and then: it cannot be watched, or not from here. */
  | 'polling'
  /** There is no network. */
  | 'offline'
