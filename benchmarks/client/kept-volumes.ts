import type { Client, Volume, VolumeSnapshot } from '@graft-ts/client'
import { seeded } from '../splinter/random.ts'
import type { PageRecords } from './local-keys.ts'
import { type Level, randomPage, type World } from './world.ts'

/** A snapshot, all pages of which are in the local store. */
export interface KeptVolume {
  readonly client: Client
  readonly level: Level
  readonly snapshot: VolumeSnapshot
}

/** One way in which pages came into a local store, and in which they are seen. */
export interface KeptPages {
  readonly name: string
  /** Where their bytes are. */
  readonly records: PageRecords
  readonly prepare: (world: World, pages: number, memoryBytes: number) => Promise<KeptVolume>
}

/** Every way. */
export const KEPT_PAGES: readonly KeptPages[] = [
  { name: 'remote pages, current snapshot', records: 'open entries', prepare: snapshotOf(hydrated) },
  {
    name: 'remote pages, old snapshot',
    records: 'open entries',
    prepare: snapshotOf(hydrated, (world, volume, pages) =>
      changeElsewhere(world, volume, (other) => other.transact((tx) => tx.write(pages + 1, randomPage(seeded(3))))),
    ),
  },
  { name: 'remote pages that changed, old snapshot', records: 'ended entries', prepare: snapshotOf(hydrated, changeAll) },
  { name: 'own pushed pages, current snapshot', records: 'pages of local commits', prepare: snapshotOf(pushed) },
  {
    name: 'own pushed pages that changed, old snapshot',
    records: 'pages of local commits',
    prepare: snapshotOf(pushed, changeAll),
  },
  { name: 'own pending pages, current snapshot', records: 'pages of local commits', prepare: snapshotOf(pending) },
  {
    name: 'own pending pages, snapshot from before they were pushed',
    records: 'pages of local commits',
    prepare: snapshotOf(pending, (_, volume) => volume.push()),
  },
]

type Prepared = Omit<KeptVolume, 'snapshot'> & { readonly volume: Volume }

/** @param afterwards What happens once the snapshot is open, which makes it an old one. */
function snapshotOf(
  open: (world: World, pages: number, memoryBytes: number) => Promise<Prepared>,
  afterwards?: (world: World, volume: Volume, pages: number) => Promise<unknown>,
): KeptPages['prepare'] {
  return async (world, pages, memoryBytes) => {
    const { client, level, volume } = await open(world, pages, memoryBytes)
    const snapshot = volume.snapshot()
    await afterwards?.(world, volume, pages)
    return { client, level, snapshot }
  }
}

/** Opened again, so that pages lie in tables on disk, and nothing about them is in memory. */
async function reopened(world: World, folder: string, volumeId: Volume['volumeId'], memoryBytes: number): Promise<Prepared> {
  const { client, level } = await world.open(folder, { memoryCacheBytesMax: memoryBytes })
  return { client, level, volume: await client.openVolume(volumeId) }
}

async function hydrated(world: World, pages: number, memoryBytes: number): Promise<Prepared> {
  const volumeId = await world.remoteVolume(pages)
  const folder = world.newFolder()
  const { client } = await world.open(folder)
  await (await client.openVolume(volumeId)).snapshot().hydrate()
  await client.close()
  return reopened(world, folder, volumeId, memoryBytes)
}

async function pushed(world: World, pages: number, memoryBytes: number): Promise<Prepared> {
  return written(world, pages, memoryBytes, async (volume) => void (await volume.push()))
}

async function pending(world: World, pages: number, memoryBytes: number): Promise<Prepared> {
  return written(world, pages, memoryBytes, async () => undefined)
}

async function written(
  world: World,
  pages: number,
  memoryBytes: number,
  after: (volume: Volume) => Promise<void>,
): Promise<Prepared> {
  const folder = world.newFolder()
  const { client } = await world.open(folder)
  const volume = await client.createVolume()
  await world.fill(volume, pages)
  await after(volume)
  await client.close()
  return reopened(world, folder, volume.volumeId, memoryBytes)
}

function changeAll(world: World, volume: Volume, pages: number): Promise<void> {
  return changeElsewhere(world, volume, (other) => world.fill(other, pages))
}

/** Commits in another client, and learns of it here. */
async function changeElsewhere(world: World, volume: Volume, change: (other: Volume) => Promise<unknown>): Promise<void> {
  await world.elsewhere(async (client) => {
    const other = await client.openVolume(volume.volumeId)
    await change(other)
    await other.push()
  })
  await volume.pull()
}
