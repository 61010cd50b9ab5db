import { execFileSync } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isTypedError } from '@graft-ts/volume'
import { ClassicLevel } from 'classic-level'
import { MemoryLevel } from 'memory-level'
import { describe, expect, test } from 'vitest'
import type { LocalOperation, LocalStore } from '../../src/index.ts'
import { CrashableStore, headStamps, openWorld, outcomeOf, pushedVolume, stampOf, type World, write } from '../harness.ts'

const newLevel = () => new MemoryLevel<string, Uint8Array>({ keyEncoding: 'utf8', valueEncoding: 'view' })
const FULL = Object.assign(new Error('IO error: 000003.log: No space left on device'), { code: 'LEVEL_IO_ERROR' })

/**
 * A store that appends to a file, as LevelDB does: what is written behind a piece that is left of a failed write can be read by
 * this process, and by no other one, until the store is opened anew.
 */
class AppendingStore implements LocalStore {
  #level = newLevel()
  readonly #durable = new Map<string, Uint8Array>()
  #isTorn = false
  batches = 0
  /** Whether a failed write leaves a piece of itself. */
  leavesPieces = true
  /** Whether a write fails, by its number. */
  isFull: (batch: number) => boolean = () => false
  /** What opening fails with. */
  openError: Error | undefined
  supports = { getSync: true }

  /** What the next process finds. */
  async recovered(): Promise<CrashableStore> {
    const level = newLevel()
    for (const [key, value] of this.#durable) await level.put(key, value)
    return new CrashableStore(level)
  }

  async open(): Promise<void> {
    // Opening writes what is in the file into another one.
    const error = this.#isTorn && this.isFull(this.batches + 1) ? FULL : this.openError
    if (error !== undefined) throw new Error('Database failed to open', { cause: error })
    this.#level = newLevel()
    for (const [key, value] of this.#durable) await this.#level.put(key, value)
    this.#isTorn = false
  }

  close = (): Promise<void> => this.#level.close()
  getSync = (key: string, options: Parameters<LocalStore['get']>[1]): Uint8Array | undefined => this.#level.getSync(key, options)
  get: LocalStore['get'] = (key, options) => this.#level.get(key, options)
  getMany: LocalStore['getMany'] = (keys, options) => this.#level.getMany(keys, options)
  keys: LocalStore['keys'] = (options) => this.#level.keys(options)
  iterator: LocalStore['iterator'] = (options) => this.#level.iterator(options)

  async batch(operations: LocalOperation[], options: Parameters<LocalStore['batch']>[1]): Promise<void> {
    if (this.isFull(++this.batches)) {
      this.#isTorn = this.leavesPieces
      throw FULL
    }
    await this.#level.batch(operations, options)
    if (this.#isTorn) return
    for (const operation of operations) {
      if (operation.type === 'put') this.#durable.set(operation.key, operation.value)
      else this.#durable.delete(operation.key)
    }
  }
}

/** How a call ended that may find the disk full. */
async function tried(call: () => Promise<unknown>): Promise<boolean> {
  try {
    await call()
    return true
  } catch (error) {
    if (isTypedError(error) && error.code === 'LOCAL_STORE_FULL') return false
    throw error
  }
}

/** Everything that writes, each call until it succeeds; what was acknowledged is there for the next process, whenever it takes over. */
async function work(world: World, local: AppendingStore, makeRoom: () => void): Promise<number> {
  const other = await pushedVolume((await world.open()).client, { 1: 1, 2: 2, 3: 3, 9: 9 })
  const { client } = await world.open({ store: local, memoryCacheBytesMax: 1 })
  const volume = await client.openVolume(other.volumeId)
  const acknowledged = [1, 2, 3, 0, 0, 0, 0, 0, 9]
  let failures = 0
  const persist = async (call: () => Promise<unknown>): Promise<void> => {
    for (;;) {
      // Reads go on, meanwhile and afterwards: of what is here, and of what has to be fetched.
      const before = [...acknowledged]
      const [isDone, read] = await Promise.all([tried(call), headStamps(volume)])
      expect(read).toEqual(before)
      if (isDone) return
      failures++
      expect(await headStamps(volume)).toEqual(acknowledged)
      if (failures % 3 === 0) makeRoom()
    }
  }
  const commit = async (pageIndex: number, stamp: number): Promise<void> => {
    await persist(() => write(volume, { [pageIndex]: stamp }))
    acknowledged[pageIndex - 1] = stamp
    const next = await (await world.openOn(await local.recovered())).client.openVolume(volume.volumeId)
    expect(await headStamps(next)).toEqual(acknowledged)
  }
  await headStamps(volume)
  await commit(4, 44)
  await commit(5, 55)
  await persist(() => volume.push())
  expect(volume.status()).toMatchObject({ sync: 'synced', pendingCommits: 0 })
  await other.pull()
  await write(other, { 1: 11 })
  await other.push()
  await persist(() => volume.pull())
  acknowledged[0] = 11
  await commit(6, 66)
  await persist(() => volume.push())
  await other.pull()
  expect(await headStamps(other)).toEqual(acknowledged)
  expect(other.status().base.lsn).toBe(4)
  await client.close()
  return failures
}

describe('I12: a local store that appends to a file', () => {
  test('whose disk is full at any write keeps all that it acknowledges, before and after there is room again', async () => {
    const undisturbed = new AppendingStore()
    expect(await work(openWorld(), undisturbed, () => undefined)).toBe(0)
    let failures = 0
    // Two to open the client and the volume.
    for (let first = 3; first <= undisturbed.batches; first++) {
      const local = new AppendingStore()
      let isRoomMade = false
      local.isFull = (batch) => batch >= first && !isRoomMade
      failures += await work(openWorld(), local, () => (isRoomMade = true))
    }
    expect(failures).toBeGreaterThan(undisturbed.batches)
  })

  test('is not written to any more when it could not be opened again: somebody else may have it', async () => {
    const world = openWorld()
    const local = new AppendingStore()
    const { client } = await world.open({ store: local })
    const volume = await pushedVolume(client, { 1: 1 })
    const failing = local.batches + 1
    local.isFull = (batch) => batch === failing
    expect(await outcomeOf(write(volume, { 1: 11 }))).toBe('exhausted LOCAL_STORE_FULL')
    local.openError = Object.assign(new Error('lock'), { code: 'LEVEL_LOCKED' })
    expect(await outcomeOf(write(volume, { 1: 11 }))).toBe('conflict LOCAL_STORE_LOCKED')
    local.openError = undefined
    expect(await outcomeOf(write(volume, { 1: 11 }))).toBe('conflict LOCAL_STORE_LOCKED')
    await client.close()
    const next = await (await world.openOn(await local.recovered())).client.openVolume(volume.volumeId)
    expect(await headStamps(next)).toEqual([1])
  })

  test.each([true, false])(
    'is opened anew once for all writes that were under way, pieces left behind: %s',
    async (leavesPieces) => {
      const world = openWorld()
      const local = new AppendingStore()
      local.leavesPieces = leavesPieces
      const { client } = await world.open({ store: local })
      const volumes = [
        await pushedVolume(client, { 1: 1 }),
        await pushedVolume(client, { 1: 1 }),
        await pushedVolume(client, { 1: 1 }),
      ]
      const failing = local.batches + 1
      local.isFull = (batch) => batch === failing
      const outcomes = await Promise.all(volumes.map((volume) => outcomeOf(write(volume, { 1: 11 }))))
      expect(outcomes).toEqual(['exhausted LOCAL_STORE_FULL', 'ok', 'ok'])
      const next = await world.openOn(await local.recovered())
      const found = []
      for (const { volumeId } of volumes) found.push(await headStamps(await next.client.openVolume(volumeId)))
      expect(found).toEqual([[1], [11], [11]])
      // What it tried for room is gone.
      expect(await local.get('room', { keyEncoding: 'utf8', valueEncoding: 'view' })).toBeUndefined()
    },
  )
})

/** A folder on a disk of so many bytes; `undefined`: this machine does not let us have one. */
async function smallDisk(bytes: number): Promise<{ folder: string; remove: () => Promise<void> } | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'graft-ts-full-disk-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder], { stdio: 'ignore' })
  } catch {
    await rm(folder, { recursive: true })
    return undefined
  }
  const remove = async (): Promise<void> => {
    execFileSync('umount', ['-l', folder])
    await rm(folder, { recursive: true })
  }
  return { folder, remove }
}

test('LevelDB on a full disk keeps all that it acknowledged, also after a crash', async ({ skip }) => {
  const disk = await smallDisk(14 * 2 ** 20)
  if (disk === undefined) return skip('mounting a tmpfs takes rights that this process lacks')
  const { folder, remove } = disk
  try {
    const ballast = join(folder, 'ballast')
    await writeFile(ballast, new Uint8Array(12 * 2 ** 20))
    await mkdir(join(folder, 'level'))
    const openLevel = (at: string) => new ClassicLevel<string, Uint8Array>(at, { keyEncoding: 'utf8', valueEncoding: 'view' })
    const world = openWorld()
    const { client } = await world.open({ store: openLevel(join(folder, 'level')) })
    const volume = await pushedVolume(client, { 1: 1 })
    const acknowledged = new Map([[1, 1]])
    const commit = async (pageIndex: number): Promise<boolean> => {
      const isDone = await tried(() => write(volume, { [pageIndex]: pageIndex }))
      if (isDone) acknowledged.set(pageIndex, pageIndex)
      return isDone
    }
    let pageIndex = 2
    while (await commit(pageIndex)) pageIndex++
    // Small ones may find room where larger ones did not; none does in the end.
    for (let failures = 0; failures < 5; pageIndex++) if (!(await commit(pageIndex))) failures++
    const snapshot = volume.snapshot()
    expect(stampOf(await snapshot.read(2))).toBe(2)
    snapshot.close()
    await rm(ballast)
    const before = acknowledged.size
    for (let more = 0; more < 20; more++) await commit(++pageIndex)
    expect(acknowledged.size).toBe(before + 20)
    // As a process finds it that takes over after this one was killed.
    const copy = join(folder, 'copy')
    await cp(join(folder, 'level'), copy, { recursive: true })
    const next = await world.open({ store: openLevel(copy) })
    const found = (await next.client.openVolume(volume.volumeId)).snapshot()
    for (const [index, stamp] of acknowledged) expect(stampOf(await found.read(index))).toBe(stamp)
    found.close()
    await next.client.close()
    expect(await volume.push()).toMatchObject({ type: 'pushed', transactions: acknowledged.size - 1 })
    await client.close()
  } finally {
    await remove()
  }
}, 60_000)
