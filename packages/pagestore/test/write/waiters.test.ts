import { decodeSegmentIndex, type FrameCodec, parsePageSize, runBytesMax, SEGMENT_OVERHEAD_BYTES } from '@graft-ts/volume'
import { describe, expect, test } from 'vitest'
import { outcomeOf, range, settle, syncCodec } from '../harness.ts'
import { type Direct, openDirect, openDirectGated, runOf } from './direct.ts'
import { segmentKeys } from './gated.ts'

async function storedPages({ memory }: Direct): Promise<number[][]> {
  const pages: number[][] = []
  for (const key of await segmentKeys(memory)) {
    const object = await memory.get(key)
    for (const run of decodeSegmentIndex((object as { bytes: Uint8Array }).bytes).runs) pages.push([...run.ref.pages])
  }
  return pages
}

describe('a write whose caller goes away', () => {
  test('while it gathers: it fails at once, gives its room back and is not uploaded; the others are', async () => {
    const direct = openDirectGated()
    const { writer, gates, newVolume } = direct
    const first = writer.write(runOf(newVolume(), [1]))
    await settle()
    const held = writer.bytesInFlight
    const controller = new AbortController()
    const second = outcomeOf(writer.write(runOf(newVolume(), [2]), controller.signal))
    const third = writer.write(runOf(newVolume(), [3]))
    await settle()
    controller.abort()
    expect(await second).toBe('aborted REQUEST_ABORTED')
    expect(writer.bytesInFlight).toBe(2 * held)
    gates[0]?.open()
    await first
    await settle()
    gates[1]?.open()
    await third
    expect(await storedPages(direct)).toEqual([[1], [3]])
  })

  test.each([
    ['the last of a group', settle],
    ['on its way into a group', undefined],
  ])('%s: nothing is uploaded, and the next group goes on', async (_, wait) => {
    const direct = openDirectGated()
    const { writer, gates, newVolume, store } = direct
    const first = writer.write(runOf(newVolume(), [1]))
    await settle()
    const controller = new AbortController()
    const second = outcomeOf(writer.write(runOf(newVolume(), [2]), controller.signal))
    if (wait !== undefined) await wait()
    controller.abort()
    expect(await second).toBe('aborted REQUEST_ABORTED')
    gates[0]?.open()
    await first
    await settle()
    expect(store.counts.create).toBe(1)
    const third = writer.write(runOf(newVolume(), [3]))
    await settle()
    gates[1]?.open()
    await third
    expect(await storedPages(direct)).toEqual([[1], [3]])
  })

  test('when its upload is under way: the upload goes on, for it and for the others', async () => {
    const direct = openDirectGated({ policy: { type: 'cost', intervalMs: 10 } })
    const { writer, gates, newVolume, timers } = direct
    const controller = new AbortController()
    const writes = [writer.write(runOf(newVolume(), [1]), controller.signal), writer.write(runOf(newVolume(), [2]))]
    await timers.advance(10)
    expect(gates.length).toBe(1)
    controller.abort()
    await settle()
    expect(gates[0]?.signal?.aborted).toBe(false)
    gates[0]?.open()
    await Promise.all(writes)
    expect(await storedPages(direct)).toEqual([[1], [2]])
  })

  test('while it waits for room: it fails at once', async () => {
    const { writer, gates, newVolume } = openDirectGated({ limits: { writeBytesInFlightMax: 1 } })
    const first = writer.write(runOf(newVolume(), [1]))
    const controller = new AbortController()
    const second = outcomeOf(writer.write(runOf(newVolume(), [2]), controller.signal))
    await settle()
    expect(writer.bytesWaiting).toBeGreaterThan(0)
    controller.abort()
    expect(await second).toBe('aborted REQUEST_ABORTED')
    expect(writer.bytesWaiting).toBe(0)
    gates[0]?.open()
    await first
  })

  test('before it came: it is not taken in', async () => {
    const { writer, newVolume, store } = openDirect()
    expect(await outcomeOf(writer.write(runOf(newVolume(), [1]), AbortSignal.abort()))).toBe('aborted REQUEST_ABORTED')
    expect([store.counts.create, writer.bytesInFlight]).toEqual([0, 0])
  })

  test('leaves nothing behind on its signal', async () => {
    const { writer, newVolume } = openDirect()
    const controller = new AbortController()
    let listeners = 0
    const { signal } = controller
    const add = signal.addEventListener.bind(signal)
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      const options = args[2] as AddEventListenerOptions
      listeners += 1
      options.signal?.addEventListener('abort', () => {
        listeners -= 1
      })
      add(...args)
    }
    await writer.write(runOf(newVolume(), [1]), signal)
    expect(listeners).toBe(0)
  })
})

describe('runs in a segment', () => {
  test('fill it to its last byte, and not further', async () => {
    for (const less of [0, 1]) {
      const { writer, newVolume, store, timers } = openDirect({
        policy: { type: 'cost', intervalMs: 10 },
        limits: limitsFor(2, less),
      })
      const writes = range(1, 2).map((index) => writer.write(runOf(newVolume(), [index])))
      await timers.advance(10)
      await Promise.all(writes)
      expect(store.counts.create).toBe(1 + less)
    }

    function limitsFor(runs: number, less: number) {
      const { frames, index } = runBytesMax(runOf(openDirect().newVolume(), [1]).pages, parsePageSize(512))
      return { segmentBytesMax: SEGMENT_OVERHEAD_BYTES + runs * (frames + index) - less }
    }
  })

  test('are as many as segmentRunsMax allows', async () => {
    const { writer, newVolume, store } = openDirect({
      policy: { type: 'cost', intervalMs: 60_000 },
      limits: { segmentRunsMax: 2 },
    })
    await Promise.all(range(1, 4).map((index) => writer.write(runOf(newVolume(), [index]))))
    expect(store.counts.create).toBe(2)
  })

  test('lie in the order in which they came, whatever takes longest to compress', async () => {
    const releases: (() => void)[] = []
    const slow: FrameCodec = {
      ...syncCodec,
      deflateRaw: (raw) =>
        new Promise((resolve) => {
          releases.push(() => resolve(syncCodec.deflateRaw(raw)))
        }),
    }
    const direct = openDirect({ codec: slow, policy: { type: 'cost', intervalMs: 10 } })
    const { writer, newVolume, timers } = direct
    const writes = range(1, 3).map((index) => {
      const run = runOf(newVolume(), [index])
      run.data.fill(index)
      return writer.write(run)
    })
    await timers.advance(10)
    expect(releases.length).toBe(3)
    for (const release of [...releases].reverse()) {
      release()
      await settle()
    }
    await Promise.all(writes)
    expect(await storedPages(direct)).toEqual([[1], [2], [3]])
  })
})

describe('closing with a deadline', () => {
  test('what is durable by then is answered; then uploads are given up, and the rest fails', async () => {
    const direct = openDirectGated()
    const { writer, gates, newVolume, timers } = direct
    const first = writer.write(runOf(newVolume(), [1]))
    await settle()
    const others = [2, 3].map((index) => outcomeOf(writer.write(runOf(newVolume(), [index]))))
    await settle()
    const controller = new AbortController()
    let isClosed = false
    const closing = writer.close({ signal: controller.signal }).then(() => {
      isClosed = true
    })
    await settle()
    expect(gates.length).toBe(2)
    gates[0]?.open()
    await first
    expect(isClosed).toBe(false)
    controller.abort()
    expect(await Promise.all(others)).toEqual(['unavailable PAGESTORE_CLOSED', 'unavailable PAGESTORE_CLOSED'])
    await closing
    expect(gates[1]?.signal?.aborted).toBe(true)
    expect(writer.bytesInFlight).toBe(0)
    // No try follows, and nothing waits any more.
    await timers.advance(120_000)
    expect([gates.length, timers.waiting]).toEqual([2, 0])
    expect(direct.events.map(({ type }) => type)).toEqual(['segment-written', 'upload-failed'])
  })

  test('what is still being compressed is not uploaded at all', async () => {
    let release: () => void = () => undefined
    const slow: FrameCodec = {
      ...syncCodec,
      deflateRaw: (raw) =>
        new Promise((resolve) => {
          release = () => resolve(syncCodec.deflateRaw(raw))
        }),
    }
    const { writer, store, newVolume } = openDirect({ codec: slow })
    const run = runOf(newVolume(), [1])
    run.data.fill(1)
    const writing = outcomeOf(writer.write(run))
    await settle()
    await writer.close({ signal: AbortSignal.abort() })
    expect(await writing).toBe('unavailable PAGESTORE_CLOSED')
    release()
    await settle()
    expect([store.counts.create, writer.open.segments]).toEqual([0, 0])
  })

  test('a pause between two tries ends too', async () => {
    const direct = openDirectGated({ limits: { uploadRetryDelayMs: 5000 } })
    const { writer, gates, newVolume, timers } = direct
    const writing = outcomeOf(writer.write(runOf(newVolume(), [1])))
    await settle()
    gates[0]?.fail(new Error('the network is down'))
    await settle()
    const controller = new AbortController()
    const closing = writer.close({ signal: controller.signal })
    controller.abort()
    expect(await writing).toBe('unavailable PAGESTORE_CLOSED')
    await closing
    await timers.advance(60_000)
    expect([gates.length, timers.waiting]).toEqual([1, 0])
  })

  test('writes that wait for room, for a slot or for others fail too', async () => {
    const limits = { uploadsInFlightMax: 1, writeBytesInFlightMax: 5000 }
    const { writer, gates, newVolume } = openDirectGated({ limits, policy: { type: 'cost', intervalMs: 0 } })
    const writes = range(1, 6).map((index) => outcomeOf(writer.write(runOf(newVolume(), [index]))))
    await settle()
    expect(gates.length).toBeLessThanOrEqual(1)
    expect(writer.bytesWaiting).toBeGreaterThan(0)
    await writer.close({ signal: AbortSignal.abort() })
    expect(new Set(await Promise.all(writes))).toEqual(new Set(['unavailable PAGESTORE_CLOSED']))
    expect([writer.bytesInFlight, writer.bytesWaiting]).toEqual([0, 0])
  })

  test('nothing is left listening on the signal, and without writes it is over at once', async () => {
    const { writer } = openDirect()
    const { signal } = new AbortController()
    let listeners = 0
    const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)]
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners += 1
      add(...args)
    }
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners -= 1
      remove(...args)
    }
    await writer.close({ signal })
    expect(listeners).toBe(0)
  })
})

describe('when all is written', () => {
  test.each(['shared', 'volume'] as const)('scope %s: no segment, lane or timer is left', async (scope) => {
    const { writer, newVolume, timers } = openDirect({ scope })
    for (const index of range(1, 3)) await writer.write(runOf(newVolume(), [index]))
    await settle()
    expect([writer.open, timers.waiting]).toEqual([{ segments: 0, lanes: 0 }, 0])
  })

  test('and closed: a further write fails at once, also while others are still in flight', async () => {
    const { writer, gates, newVolume } = openDirectGated({ limits: { writeBytesInFlightMax: 1 } })
    const first = writer.write(runOf(newVolume(), [1]))
    await settle()
    const closing = writer.close()
    expect(await outcomeOf(writer.write(runOf(newVolume(), [2])))).toBe('unavailable PAGESTORE_CLOSED')
    expect(writer.open).toEqual({ segments: 1, lanes: 1 })
    gates[0]?.open()
    await Promise.all([first, closing])
  })
})

describe('bytes in flight', () => {
  const bodyOf = (pages: number, more = 0) => pages * 512 + more

  test('count what the request keeps in memory, and its room in the segment', async () => {
    const { writer, gates, newVolume } = openDirectGated({ limits: { requestBytesMax: 100_000 } })
    const writing = writer.write(runOf(newVolume(), range(1, 10)))
    await settle()
    const plain = writer.bytesInFlight
    // Body, the same again in a frame, header, index.
    expect(plain).toBeGreaterThanOrEqual(2 * bodyOf(10) + 64)
    expect(plain).toBeLessThan(2 * bodyOf(10) + 300)
    gates[0]?.open()
    await writing
    expect(writer.bytesInFlight).toBe(0)

    const padded = writer.write(runOf(newVolume(), range(1, 10), 512, 50_000))
    await settle()
    expect(writer.bytesInFlight).toBe(plain + 50_000)
    gates[1]?.open()
    await padded

    // A view of something larger than any request belongs to a caller in the same process.
    const huge = writer.write(runOf(newVolume(), range(1, 10), 512, 1_000_000))
    await settle()
    expect(writer.bytesInFlight).toBe(plain - bodyOf(10) + 100_000)
    gates[2]?.open()
    await huge
  })

  test('are given back when an upload fails', async () => {
    const { writer, gates, newVolume } = openDirectGated({ limits: { uploadAttemptsMax: 1 } })
    const writing = outcomeOf(writer.write(runOf(newVolume(), [1])))
    await settle()
    gates[0]?.fail(new Error('no'))
    await settle()
    expect(await writing).toBe('unavailable SEGMENT_UPLOAD')
    expect(writer.bytesInFlight).toBe(0)
  })
})
