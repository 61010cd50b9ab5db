import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { DiskFrameCache } from '../../src/node.ts'
import { MemoryFolder } from './memory-folder.ts'
import { frameOf, openSmall, SMALL, SMALL_BYTES } from './small-cache.ts'

const KEYS = 60
const CACHES = 2

const key = fc.integer({ min: 0, max: KEYS - 1 })
const who = fc.integer({ min: 0, max: CACHES - 1 })
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ type: fc.constant('write' as const), who, from: key, count: fc.integer({ min: 1, max: 9 }) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ type: fc.constant('read' as const), who, from: key, count: fc.integer({ min: 1, max: 9 }) }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('remove' as const), who, from: key }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('restart' as const), who }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('crash' as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('fill disk' as const), bytes: fc.nat({ max: 2000 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('damage' as const), file: fc.nat(), at: fc.nat(), isCut: fc.boolean() }),
  },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

const nameOf = (index: number): string => `frame ${index % KEYS}`
/** Frames of many lengths, some of which leave no room for a second one in a file. */
const contentOf = (index: number): Uint8Array => frameOf(nameOf(index), 1 + ((index * 97) % 2200))

/** Two caches on one folder, and what may be in it. */
class World {
  folder = new MemoryFolder()
  caches: DiskFrameCache[] = []
  isDamaged = false
  readonly written = new Set<number>()
  #nowMs = 0

  async open(): Promise<void> {
    this.caches = []
    for (let i = 0; i < CACHES; i++) this.caches.push(await this.#openOne())
  }

  #openOne(): Promise<DiskFrameCache> {
    // Time goes on, so that no pause keeps the cache from being written to.
    return openSmall(this.folder, { nowMs: () => (this.#nowMs += 10_000) })
  }

  async take(step: Step): Promise<void> {
    const cache = this.caches['who' in step ? step.who : 0] as DiskFrameCache
    switch (step.type) {
      case 'write':
        for (let i = step.from; i < step.from + step.count; i++) {
          this.written.add(i % KEYS)
          cache.write(nameOf(i), contentOf(i % KEYS))
        }
        return cache.settled()
      case 'read':
        return this.#read(cache, step.from, step.count)
      case 'remove':
        cache.remove(nameOf(step.from))
        expect(cache.read(nameOf(step.from))).toBeUndefined()
        return
      case 'restart':
        await cache.close()
        this.caches[step.who] = await this.#openOne()
        return
      case 'crash':
        this.folder = this.folder.copy()
        return this.open()
      case 'fill disk':
        this.folder.writeBytesMax = step.bytes
        cache.write(nameOf(step.bytes), contentOf(step.bytes % KEYS))
        this.written.add(step.bytes % KEYS)
        await cache.settled()
        this.folder.writeBytesMax = Number.POSITIVE_INFINITY
        return
      case 'damage':
        this.#damage(step)
    }
  }

  async #read(cache: DiskFrameCache, from: number, count: number): Promise<void> {
    const reads = Array.from({ length: count }, async (_, i) => {
      const frame = await cache.read(nameOf(from + i))
      if (frame === undefined) return
      expect(this.written).toContain((from + i) % KEYS)
      const isRight = Buffer.compare(frame, contentOf((from + i) % KEYS)) === 0
      if (!isRight) cache.remove(nameOf(from + i))
      expect(isRight || this.isDamaged).toBe(true)
    })
    await Promise.all(reads)
  }

  #damage({ file, at, isCut }: Step & { type: 'damage' }): void {
    const contents = [...this.folder.files.values()]
    const damaged = contents[file % contents.length]
    if (damaged === undefined || damaged.content.length === 0) return
    this.isDamaged = true
    const offset = at % damaged.content.length
    if (isCut) damaged.content = damaged.content.slice(0, offset)
    else damaged.content[offset] = (damaged.content[offset] as number) ^ (1 << (at % 8))
  }
}

test('whatever happens to it, the cache stays within its bound and gives the frame that was written, damaged bytes, or nothing', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (steps) => {
      const world = new World()
      await world.open()
      for (const each of steps) {
        await world.take(each)
        expect(world.folder.peakBytes).toBeLessThanOrEqual(SMALL_BYTES)
        expect(world.folder.peakFileBytes).toBeLessThanOrEqual(SMALL.fileBytesMax)
      }
      const failures = world.caches.map((cache) => cache.metrics().failures)
      for (const cache of world.caches) await cache.close()
      expect(world.folder.openFiles).toBe(0)
      const couldFail = steps.some(({ type }) => type === 'fill disk')
      if (!couldFail) expect(failures).toEqual(failures.map(() => 0))
    }),
  )
})

test('without damage, what fits into a quarter of the bound is still there, through restarts and crashes', async () => {
  const isKept = fc.array(fc.oneof(step), { maxLength: 30, size: 'max' })
  await fc.assert(
    fc.asyncProperty(isKept, async (steps) => {
      const world = new World()
      await world.open()
      // One process, and ten short frames: with an index for each restart they need a fraction of the room.
      const written = new Set<number>()
      const removed = new Set<number>()
      for (const each of steps) {
        const cache = world.caches[0] as DiskFrameCache
        if (each.type === 'write') {
          cache.write(nameOf(each.from % 10), frameOf(nameOf(each.from % 10), 100))
          await cache.settled()
          written.add(each.from % 10)
          removed.delete(each.from % 10)
        } else if (each.type === 'remove') {
          cache.remove(nameOf(each.from % 10))
          removed.add(each.from % 10)
        } else if (each.type === 'restart' || each.type === 'crash') {
          await world.take('who' in each ? { ...each, who: 0 } : each)
          // What was removed may come back with the file that holds it.
          for (const index of removed) written.delete(index)
        }
      }
      for (const index of written) {
        if (removed.has(index)) continue
        expect(await world.caches[0]?.read(nameOf(index))).toEqual(frameOf(nameOf(index), 100))
      }
      for (const cache of world.caches) await cache.close()
    }),
  )
})

test('the frames of the property are of lengths that a file can hold one of, and some of them of which it can hold many', () => {
  const lengths = Array.from({ length: KEYS }, (_, i) => contentOf(i).length)
  expect(Math.max(...lengths)).toBeLessThan(SMALL.fileBytesMax - 100)
  expect(Math.max(...lengths)).toBeGreaterThan(SMALL.fileBytesMax / 2)
  expect(Math.min(...lengths)).toBeLessThan(100)
})
