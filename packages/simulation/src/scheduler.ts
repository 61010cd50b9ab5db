import type { EventLog } from './event-log.ts'
import type { Random } from './random.ts'

/** Whose turn an event is: it is dropped when that has died, and waits while that is paused. */
export interface Owner {
  readonly isAlive: boolean
  /** Virtual time up to which nothing of it runs. */
  readonly pausedUntilMs: number
}

interface Event {
  timeMs: number
  readonly tie: number
  readonly owner: Owner | undefined
  readonly label: string
  readonly run: () => void
  state: 'waiting' | 'cancelled' | 'over'
}

/** What ended a run of the scheduler. */
export type RunEnd = 'done' | 'idle' | 'too-many-events'

/**
 * Decides what happens next. Everything that waits, be it for a message, a store, a disk or a timer, is an event in one
 * queue; the time of an event comes from the seed, and so does the order of events at the same time. After each event the
 * promises that it settled are followed to their end before the next one runs, so nothing happens outside the queue.
 */
export class Scheduler {
  readonly #heap: Event[] = []
  readonly #random: Random
  readonly #log: EventLog
  // Those stay in the queue until their time comes.
  #cancelled = 0
  #nowMs = 0
  #running: Owner | undefined

  constructor(random: Random, log: EventLog) {
    this.#random = random
    this.#log = log
  }

  /** Virtual milliseconds since the run began. */
  get nowMs(): number {
    return this.#nowMs
  }

  /** Whose event is carried out, with all that follows from it at once; `undefined`: nobody's. */
  get running(): Owner | undefined {
    return this.#running
  }

  /** Events that are waiting, without those that were cancelled. */
  get waiting(): number {
    return this.#heap.length - this.#cancelled
  }

  /**
   * Has something run later.
   *
   * @param owner Whose event it is; `undefined`: nobody's, so it happens in any case.
   * @param label Goes into the event log; empty: this event is not worth a line.
   * @returns Cancels it.
   */
  after(owner: Owner | undefined, delayMs: number, label: string, run: () => void): () => void {
    const event: Event = {
      timeMs: this.#nowMs + Math.max(0, delayMs),
      tie: this.#random.number(),
      owner,
      label,
      run,
      state: 'waiting',
    }
    this.#push(event)
    return () => {
      if (event.state !== 'waiting') return
      event.state = 'cancelled'
      this.#cancelled++
    }
  }

  /** Settles after a while; never, if its owner dies before. */
  wait(owner: Owner | undefined, delayMs: number, label: string): Promise<void> {
    return new Promise((resolve) => this.after(owner, delayMs, label, resolve))
  }

  /** Writes a line into the event log. */
  note(text: string): void {
    this.#log.add(this.#nowMs, text)
  }

  /** Runs events until a condition holds, none is left, or there were too many, which is a loop that never ends. */
  async run(isDone: () => boolean, eventsMax: number): Promise<RunEnd> {
    await quiescence()
    for (let events = 0; !isDone(); events++) {
      if (events >= eventsMax) return 'too-many-events'
      const event = this.#next()
      if (event === undefined) return 'idle'
      this.#nowMs = event.timeMs
      if (event.label !== '') this.#log.add(event.timeMs, event.label)
      this.#running = event.owner
      event.run()
      await quiescence()
      this.#running = undefined
    }
    return 'done'
  }

  #next(): Event | undefined {
    for (let event = this.#pop(); event !== undefined; event = this.#pop()) {
      const { owner } = event
      if (event.state === 'cancelled') this.#cancelled--
      if (event.state === 'cancelled' || owner?.isAlive === false) continue
      if (owner === undefined || owner.pausedUntilMs <= event.timeMs) {
        event.state = 'over'
        return event
      }
      // It wakes up to everything that has gathered, in any order.
      event.timeMs = owner.pausedUntilMs
      this.#push(event)
    }
    return undefined
  }

  #push(event: Event): void {
    const heap = this.#heap
    let i = heap.push(event) - 1
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (!isBefore(event, heap[parent] as Event)) break
      heap[i] = heap[parent] as Event
      i = parent
    }
    heap[i] = event
  }

  #pop(): Event | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Event, heap[child] as Event)) child++
      if (!isBefore(heap[child] as Event, last)) break
      heap[i] = heap[child] as Event
      i = child
    }
    heap[i] = last
    return first
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.timeMs < b.timeMs || (a.timeMs === b.timeMs && a.tie < b.tie)
}

/**
 * Until no promise is left that can go on by itself. The runtime empties its queue of promise jobs, however long it
 * grows, before it turns to what was put off by `setImmediate`; and nothing that is simulated waits for anything else.
 */
export function quiescence(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
