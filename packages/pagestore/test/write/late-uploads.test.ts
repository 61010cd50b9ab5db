import { describe, expect, test } from 'vitest'
import { outcomeOf, range, settle } from '../harness.ts'
import { openDirectGated, runOf } from './direct.ts'
import { runLateModel } from './late-model.ts'

describe('an upload that hangs, under policy latency', () => {
  test.each([
    [undefined, 250],
    [1000, 1000],
  ])('with lateAfterMs %s it holds others back for %i ms, and from then on not at all', async (lateAfterMs, lateMs) => {
    const { writer, gates, newVolume, timers } = openDirectGated({
      policy: { type: 'latency', ...(lateAfterMs !== undefined && { lateAfterMs }) },
      limits: { uploadTimeoutMs: 30_000, uploadAttemptsMax: 1 },
    })
    const hanging = outcomeOf(writer.write(runOf(newVolume(), [1])))
    await settle()
    const gathered = [2, 3].map((index) => writer.write(runOf(newVolume(), [index])))
    await timers.advance(lateMs - 1)
    expect(gates.length).toBe(1)
    await timers.advance(1)
    expect(gates.length).toBe(2)
    gates[1]?.open()
    await Promise.all(gathered)
    for (const index of range(4, 6)) {
      const writing = writer.write(runOf(newVolume(), [index]))
      await settle()
      gates[index - 2]?.open()
      await writing
    }
    expect(gates.length).toBe(5)
    await timers.advance(30_000)
    expect(await hanging).toBe('unavailable SEGMENT_UPLOAD')
    expect(timers.waiting).toBe(0)
  })

  test('uploads that all hang are as many as there may be at a time, and then everybody waits', async () => {
    const { writer, gates, newVolume, timers } = openDirectGated({ limits: { uploadsInFlightMax: 3 } })
    const writes: Promise<unknown>[] = []
    for (const index of range(1, 10)) {
      writes.push(writer.write(runOf(newVolume(), [index])))
      await timers.advance(250)
    }
    expect(gates.length).toBe(3)
    for (let at = 0; at < gates.length; at++) {
      gates[at]?.open()
      await settle()
    }
    await Promise.all(writes)
    // One group was ready and had no place; what came after it has gathered.
    expect(gates.length).toBe(5)
  })

  test('policy cost knows no late uploads', async () => {
    const { writer, gates, newVolume, timers } = openDirectGated({ policy: { type: 'cost', intervalMs: 1000 } })
    const first = writer.write(runOf(newVolume(), [1]))
    await timers.advance(1000)
    const second = writer.write(runOf(newVolume(), [2]))
    await timers.advance(999)
    expect(gates.length).toBe(1)
    await timers.advance(1)
    expect(gates.length).toBe(2)
    for (const gate of gates) gate.open()
    await Promise.all([first, second])
  })
})

// docs/decisions/0010-late-uploads.md has the figures.
describe('the model behind 250 ms', () => {
  const model = { writes: 20_000, writesPerSecond: 100, hangMs: 1000 }
  const healthy = runLateModel({ ...model, hangsOneIn: Number.POSITIVE_INFINITY, lateAfterMs: 250 })

  test('on a healthy store it changes nothing', () => {
    expect(runLateModel({ ...model, hangsOneIn: Number.POSITIVE_INFINITY, lateAfterMs: 60_000 })).toEqual(healthy)
  })

  test('one upload in a thousand that hangs for a second: the slowest percent is hardly slower, for few more uploads', () => {
    const sick = { ...model, hangsOneIn: 1000 }
    const strict = runLateModel({ ...sick, lateAfterMs: 60_000 })
    const ours = runLateModel({ ...sick, lateAfterMs: 250 })
    expect(strict.p99Ms).toBeGreaterThan(3 * healthy.p99Ms)
    expect(ours.p99Ms).toBeLessThan(1.3 * healthy.p99Ms)
    expect(ours.uploads).toBeLessThan(1.05 * healthy.uploads)
  })

  test('one in ten thousand that hangs for half a minute: the same', () => {
    const sick = { ...model, hangsOneIn: 10_000, hangMs: 30_000, writes: 60_000 }
    expect(runLateModel({ ...sick, lateAfterMs: 60_000 }).p99Ms).toBeGreaterThan(10 * healthy.p99Ms)
    expect(runLateModel({ ...sick, lateAfterMs: 250 }).p99Ms).toBeLessThan(1.3 * healthy.p99Ms)
  })
})
