import { Splinter, SplinterView } from '@graft-ts/splinter'
import { type MeteredStore, metered } from '@graft-ts/storage-adapters'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import { newVolumeId, parsePageSize, type Run, type VolumeId } from '@graft-ts/volume'
import { DEFAULT_LIMITS, type PagestoreEvent, type PagestoreLimits } from '../../src/index.ts'
import { newCounters } from '../../src/metrics.ts'
import { SegmentWriter, type SegmentWriterOptions } from '../../src/write/segment-writer.ts'
import { countingIdSource, noisePage, syncCodec, VirtualTimers } from '../harness.ts'
import { ScriptedStore } from '../scripted-store.ts'

/** An upload that waits until the test lets it go. */
export interface Gate {
  readonly key: string
  readonly signal: AbortSignal | undefined
  readonly open: () => void
  readonly fail: (error: unknown) => void
}

export interface DirectOptions extends Partial<Omit<SegmentWriterOptions, 'limits' | 'store'>> {
  readonly limits?: Partial<PagestoreLimits>
}

/** A segment writer without the service around it. */
export interface Direct {
  readonly writer: SegmentWriter
  readonly memory: MemoryStore
  readonly scripted: ScriptedStore
  readonly store: MeteredStore
  readonly timers: VirtualTimers
  readonly events: PagestoreEvent[]
  readonly newVolume: () => VolumeId
}

export function openDirect({ limits, ...options }: DirectOptions = {}): Direct {
  const memory = new MemoryStore()
  const scripted = new ScriptedStore(memory)
  const store = metered(scripted)
  const timers = new VirtualTimers()
  const idSource = countingIdSource()
  const events: PagestoreEvent[] = []
  const writer = new SegmentWriter({
    store,
    policy: { type: 'latency' },
    scope: 'shared',
    limits: { ...DEFAULT_LIMITS, ...limits },
    codec: syncCodec,
    idSource,
    timers,
    log: (event) => void events.push(event),
    counters: newCounters(),
    ...options,
  })
  return { writer, memory, scripted, store, timers, events, newVolume: () => newVolumeId(idSource) }
}

/** The same, with uploads that wait. */
export function openDirectGated(options: DirectOptions = {}): Direct & { readonly gates: readonly Gate[] } {
  const direct = openDirect(options)
  const gates: Gate[] = []
  direct.scripted.onCreate = (forward, key, body, callOptions) =>
    new Promise((resolve, reject) => {
      gates.push({ key, signal: callOptions?.signal, open: () => resolve(forward(key, body, callOptions)), fail: reject })
    })
  return { ...direct, gates }
}

/** A run of noise, with a buffer that holds `more` bytes beside it. */
export function runOf(volumeId: VolumeId, pages: Iterable<number>, pageBytes = 512, more = 0): Run {
  const set = new SplinterView(Splinter.from(pages).toBytes())
  const data = new Uint8Array(set.size * pageBytes + more)
  let offset = 0
  for (const index of set) {
    data.set(noisePage(index, pageBytes), offset)
    offset += pageBytes
  }
  return { volumeId, pageSize: parsePageSize(pageBytes), pages: set, data: data.subarray(0, offset) }
}
