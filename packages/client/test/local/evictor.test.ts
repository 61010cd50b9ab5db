import { newVolumeId, type VolumeId } from '@graft-ts/volume'
import { describe, expect, test } from 'vitest'
import { Evictor } from '../../src/local/evictor.ts'
import { Ledger } from '../../src/local/ledger.ts'
import type { VolumeStore } from '../../src/local/volume-store.ts'

const BYTES_MAX = 1000

/**
 * A volume of which each step of making room drops 100 bytes at most, while others bring some.
 *
 * @param arriving Bytes that come along with each step.
 * @param droppable Whether anything can go at all.
 */
function open(arriving: number[], droppable = true) {
  const volumeId: VolumeId = newVolumeId({ nowMs: () => 1, randomBytes: (length) => new Uint8Array(length) })
  const ledger = new Ledger(BYTES_MAX)
  let steps = 0
  const store = {
    get bytes() {
      return ledger.of(volumeId)
    },
    queue: { run: <T>(step: () => Promise<T>): Promise<T> => Promise.resolve().then(step) },
    eviction: {
      step: async () => {
        steps++
        const bytes = droppable ? Math.min(100, ledger.of(volumeId).cached) : 0
        ledger.set(volumeId, { cached: ledger.of(volumeId).cached - bytes + (arriving.shift() ?? 0), kept: 0 })
        return { bytes, isAtEnd: true }
      },
    },
  }
  const evictor = new Evictor(ledger, () => store as unknown as VolumeStore, new AbortController().signal)
  const hold = async (bytes: number): Promise<number> => {
    ledger.set(volumeId, { cached: bytes, kept: 0 })
    await evictor.idle()
    return ledger.total.cached
  }
  return { hold, steps: () => steps }
}

describe('making room', () => {
  test('goes on for as long as pages come, and ends within the limit', async () => {
    const { hold } = open(Array.from({ length: 20 }, () => 95))
    expect(await hold(1200)).toBeLessThanOrEqual(BYTES_MAX)
  })

  test('ends where nothing can go, and begins again once there is an eighth more', async () => {
    const { hold, steps } = open([], false)
    expect(await hold(1200)).toBe(1200)
    expect(steps()).toBe(3)
    await hold(1250)
    expect(steps()).toBe(3)
    await hold(1400)
    expect(steps()).toBe(6)
  })
})
