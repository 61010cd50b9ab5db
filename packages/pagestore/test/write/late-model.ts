import { SegmentGrouping } from '../../src/write/segment-grouping.ts'

/** What the model is asked. */
export interface LateModel {
  /** Writes of the same size, at random times. */
  readonly writes: number
  readonly writesPerSecond: number
  /** One upload in so many hangs, for so long. */
  readonly hangsOneIn: number
  readonly hangMs: number
  readonly lateAfterMs: number
}

/** What the writes saw. */
export interface LateOutcome {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly uploads: number
}

interface Event {
  readonly atMs: number
  readonly run: () => void
}

/**
 * Drives the grouping of policy `latency` in virtual time, over a store whose uploads take what those of S3 do (28 ms at the
 * median, 67 ms one in a hundred) and sometimes hang.
 */
export function runLateModel({ writes, writesPerSecond, hangsOneIn, hangMs, lateAfterMs }: LateModel): LateOutcome {
  const random = generator(1)
  const groups = new SegmentGrouping({ policy: { type: 'latency' }, bytesMax: 64 * 2 ** 20, runsMax: 4096 })
  const arrivals = new Map<number, number[]>()
  const waitsMs: number[] = []
  const events: Event[] = []
  let nowMs = 0
  let uploads = 0
  const after = (delayMs: number, run: () => void): void => insert(events, { atMs: nowMs + delayMs, run })
  const uploadMs = (): number => {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
    return 28 * Math.exp(0.375 * normal) + (random() * hangsOneIn < 1 ? hangMs : 0)
  }
  const start = (list: readonly number[]): void => {
    for (const group of list) {
      uploads += 1
      after(lateAfterMs, () => start(groups.uploadLate(group).start))
      after(uploadMs(), () => {
        for (const atMs of arrivals.get(group) as number[]) waitsMs.push(nowMs - atMs)
        arrivals.delete(group)
        start(groups.uploadEnded(group).start)
      })
    }
  }
  const write = (left: number): void => {
    const { group, start: list } = groups.add(1)
    arrivals.set(group, [...(arrivals.get(group) ?? []), nowMs])
    start(list)
    if (left > 1) after((-Math.log(1 - random()) * 1000) / writesPerSecond, () => write(left - 1))
  }
  after(0, () => write(writes))
  for (let event = events.shift(); event !== undefined; event = events.shift()) {
    nowMs = event.atMs
    event.run()
  }
  waitsMs.sort((a, b) => a - b)
  if (waitsMs.length !== writes) throw new Error('a write was never answered')
  return { p50Ms: waitsMs[writes >> 1] as number, p99Ms: waitsMs[Math.floor(writes * 0.99)] as number, uploads }
}

function insert(events: Event[], event: Event): void {
  let at = events.length
  while (at > 0 && (events[at - 1] as Event).atMs > event.atMs) at -= 1
  events.splice(at, 0, event)
}

function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
