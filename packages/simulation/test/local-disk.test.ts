import { describe, expect, test } from 'vitest'
import { EventLog } from '../src/event-log.ts'
import { DiskStore, LocalDisk } from '../src/local-disk.ts'
import { Process } from '../src/process.ts'
import { Random } from '../src/random.ts'
import { Scheduler } from '../src/scheduler.ts'
import { Tally } from '../src/tally.ts'

const put = (key: string, value: number) => ({ type: 'put' as const, key, value: Uint8Array.of(value) })
const valuesOf = (disk: LocalDisk) => disk.range({ gte: '', lt: '~' }).map(([key, value]) => `${key}=${value.join()}`)

function written(): LocalDisk {
  const disk = new LocalDisk({ usualMs: 1, failed: 0 }, new Tally())
  disk.write([put('a', 1)], false)
  disk.write([put('b', 1)], true)
  disk.write([put('a', 2), put('c', 2)], false)
  disk.write([{ type: 'del', key: 'b' }, put('a', 3)], false)
  return disk
}

describe('a crash', () => {
  test('of the process keeps everything', () => {
    const disk = written()
    expect(disk.crash('kept', () => 0)).toBe(0)
    expect(valuesOf(disk)).toEqual(['a=3', 'c=2'])
  })

  test('of the machine takes what came after the last sync', () => {
    const disk = written()
    expect(disk.crash('lost', () => 0)).toBe(2)
    expect(valuesOf(disk)).toEqual(['a=1', 'b=1'])
  })

  test('may leave the first of it, in whole batches', () => {
    const disk = written()
    expect(disk.crash('torn', () => 1)).toBe(1)
    expect(valuesOf(disk)).toEqual(['a=2', 'b=1', 'c=2'])
  })
})

test('batches take effect in the order of their calls, and not after their process has died', async () => {
  const scheduler = new Scheduler(new Random(1), new EventLog({ isKept: false }))
  const process = new Process({ name: 'node', random: new Random(1), scheduler, clockOffsetMs: 0 })
  const disk = new LocalDisk({ usualMs: 50, failed: 0 }, new Tally())
  const store = new DiskStore(disk, process)
  const done: number[] = []
  for (let i = 1; i <= 20; i++) void store.batch([put('a', i)], { sync: false }).then(() => done.push(i))
  await scheduler.run(() => done.length === 10, 1000)
  const value = disk.get('a')?.[0] as number
  expect(value).toBeGreaterThanOrEqual(10)
  process.die()
  await scheduler.run(() => false, 1000)
  expect(disk.get('a')?.[0]).toBe(value)
  expect(done).toHaveLength(10)
})
