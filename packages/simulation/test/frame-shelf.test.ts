import { expect, test } from 'vitest'
import { EventLog } from '../src/event-log.ts'
import { FrameShelf, type ShelfFaults } from '../src/frame-shelf.ts'
import { Process } from '../src/process.ts'
import { Random } from '../src/random.ts'
import { Scheduler } from '../src/scheduler.ts'
import { Tally } from '../src/tally.ts'

const NO_FAULTS: ShelfFaults = { damaged: 0, swapped: 0, lost: 0, failed: 0 }
const FRAME = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)
const OTHER = Uint8Array.of(9, 9)

/** A shelf with two frames, of which one is read; in the end what is read again by another life. */
async function reads(faults: Partial<ShelfFaults>): Promise<unknown[]> {
  const scheduler = new Scheduler(new Random(1), new EventLog({ isKept: false }))
  const options = { random: new Random(3), tally: new Tally(), isHealed: () => isHealed }
  let isHealed = true
  const shelf = new FrameShelf({ ...options, faults: { ...NO_FAULTS, ...faults } })
  const life = () => shelf.openedBy(new Process({ name: 'pages1', random: new Random(1), scheduler, clockOffsetMs: 0 }))
  const cache = life()
  cache.write('frame', FRAME)
  cache.write('other', OTHER)
  const settled: unknown[] = []
  const read = async (from: ReturnType<typeof life>): Promise<void> => {
    const reading = from.read('frame') ?? Promise.resolve('not there')
    settled.push(await reading.catch((error: Error) => error.message))
  }
  isHealed = false
  void read(cache)
  await scheduler.run(() => settled.length === 1, 10)
  isHealed = true
  void read(life())
  await scheduler.run(() => settled.length === 2, 10)
  return settled
}

test('frames outlive the process', async () => {
  expect(await reads({})).toEqual([FRAME, FRAME])
})

test('a frame comes damaged, swapped, or not at all', async () => {
  const [damaged, whole] = await reads({ damaged: 1 })
  expect(damaged).toBeInstanceOf(Uint8Array)
  expect(damaged).not.toEqual(FRAME)
  expect(whole).toEqual(FRAME)
  expect([FRAME, OTHER]).toContainEqual((await reads({ swapped: 1 }))[0])
  expect(await reads({ lost: 1 })).toEqual([undefined, 'not there'])
  expect(await reads({ failed: 1 })).toEqual(['the shelf failed, on purpose', FRAME])
})
