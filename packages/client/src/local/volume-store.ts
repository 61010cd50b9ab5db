import type { Changes, VolumeId } from '@graft-ts/volume'
import { SerialQueue } from '../serial.ts'
import { type LocalCommit, newestVersions } from '../state/local-commit.ts'
import type { VolumeState } from '../state/volume-state.ts'
import { Batch } from './batch.ts'
import { VolumeKeys } from './keys.ts'
import type { Ledger } from './ledger.ts'
import { Leftovers } from './leftovers.ts'
import type { LocalBytes } from './local-bytes.ts'
import type { LocalDatabase } from './local-store.ts'
import { PageEntries } from './page-entries.ts'
import { PageLookup } from './page-lookup.ts'
import { Recency } from './recency.ts'
import {
  decodeLocalCommit,
  decodePushInfo,
  decodeVolumeInfo,
  encodeLocalCommit,
  encodePushInfo,
  encodeVolumeInfo,
} from './records.ts'
import { sweep } from './sweep.ts'
import { VolumeEviction } from './volume-eviction.ts'
import { VolumeWriter } from './volume-writer.ts'

const REMOVED_KEYS_PER_BATCH = 1000

/**
 * What one volume has in the local store. Each step is one atomic batch; callers run them one after the other, in
 * {@link queue}, and make a new state visible only when its batch is done.
 */
export class VolumeStore {
  /** Reads pages. */
  readonly lookup: PageLookup
  /** Told which pages are read, so that others go first. */
  readonly recency: Recency = new Recency()
  /** Writes pages. */
  readonly pages: PageEntries
  readonly leftovers: Leftovers
  readonly eviction: VolumeEviction
  /** Everything that changes what the volume has here goes through this, one after the other. */
  readonly queue: SerialQueue = new SerialQueue()
  readonly #database: LocalDatabase
  readonly #volumeId: VolumeId
  readonly #keys: VolumeKeys
  readonly #ledger: Ledger
  readonly #writer: VolumeWriter

  constructor(database: LocalDatabase, volumeId: VolumeId, ledger: Ledger) {
    this.#database = database
    this.#volumeId = volumeId
    this.#keys = new VolumeKeys(volumeId)
    this.#ledger = ledger
    this.#writer = new VolumeWriter(database, volumeId, this.#keys, ledger)
    this.leftovers = new Leftovers(this.#writer, this.#keys)
    this.lookup = new PageLookup(database, this.#keys, this.leftovers.ended)
    this.pages = new PageEntries(database, this.#writer, this.#keys, this.leftovers)
    this.eviction = new VolumeEviction(this.#tools())
  }

  /** What the pages of the volume take up. */
  get bytes(): LocalBytes {
    return this.#ledger.of(this.#volumeId)
  }

  /**
   * Where the volume stands, after what a crash left behind has been cleared away; `undefined`: it is not here, or was
   * forgotten.
   *
   * @throws ClientError `LOCAL_STORE_CORRUPT`, `LOCAL_STORE_FAILED`.
   */
  async load(): Promise<VolumeState | undefined> {
    const { info: infoKey, push: pushKey, dirty: dirtyKey, forgotten: forgottenKey } = this.#keys
    const [info, push, dirty, forgotten] = await this.#database.getMany([infoKey, pushKey, dirtyKey, forgottenKey])
    if (forgotten !== undefined) await this.removeAll()
    if (info === undefined) return undefined
    const pending: LocalCommit[] = []
    for await (const [, bytes] of this.#database.entries(this.#keys.commits)) pending.push(decodeLocalCommit(bytes))
    if (dirty !== undefined) await sweep(this.#tools(), new Set(pending.map((commit) => commit.sequence)))
    const underWay = decodePushInfo(this.#volumeId, push)
    const { divergence } = underWay
    const remote = divergence === undefined ? undefined : { snapshot: divergence.snapshot, changes: divergence.changes }
    return { ...decodeVolumeInfo(this.#volumeId, info), ...underWay, pending, remote }
  }

  /** Makes a volume known. */
  async create(state: VolumeState): Promise<void> {
    const batch = new Batch()
    batch.put(this.#keys.info, encodeVolumeInfo(state))
    await this.#writer.write(batch, { sync: false })
  }

  /** When local reads were last known to be up to date, if nothing else changes. */
  async saveConfirmation(state: VolumeState): Promise<void> {
    const batch = new Batch()
    batch.put(this.#keys.info, encodeVolumeInfo(state))
    await this.#writer.write(batch, { sync: false })
  }

  /** One more local commit, with its pages. */
  async addCommit(state: VolumeState, commit: LocalCommit, pages: ReadonlyMap<number, Uint8Array>, sync: boolean): Promise<void> {
    const batch = new Batch()
    batch.put(this.#keys.commit(commit.sequence), encodeLocalCommit(commit))
    this.pages.putLocal(commit.sequence, pages, batch)
    batch.put(this.#keys.info, encodeVolumeInfo(state))
    await this.#writer.write(batch, { sync })
  }

  /** What is under way to the remote log. An attempt is durable before it is sent (I6), so `sync` is for that step. */
  async savePush(state: VolumeState, sync: boolean): Promise<void> {
    const batch = new Batch()
    this.#putPush(state, batch)
    await this.#writer.write(batch, { sync })
  }

  /** Moves to a newer base; pages that others changed or cut off hold no longer than up to the old one. */
  async moveBase(before: VolumeState, after: VolumeState, changes: Changes): Promise<void> {
    const batch = new Batch()
    await this.pages.end(changes, before.base, batch)
    this.#putState(before, after, batch)
    await this.#writer.write(batch, { sync: false })
  }

  /** Turns local commits into the remote commit that they became: its pages are present from then on. */
  async acknowledge(before: VolumeState, after: VolumeState, commits: readonly LocalCommit[], changes: Changes): Promise<void> {
    const batch = new Batch()
    await this.pages.end(changes, before.base, batch)
    const hidden = new Map(commits.map((commit) => [commit.sequence, commit.own.clone()]))
    for (const { sequence, pages } of newestVersions(commits)) {
      this.pages.adopt(pages, { sequence, pageSize: before.pageSize }, after.base.lsn, batch)
      hidden.get(sequence)?.deleteAll(pages)
    }
    for (const [sequence, pages] of hidden) this.pages.dropLocal(pages, { sequence, pageSize: before.pageSize }, batch)
    this.#putState(before, after, batch)
    await this.#writer.write(batch, { sync: false })
  }

  /** Replaces pending commits by others, whose pages have been written already. Then {@link dropReplaced}. */
  async replaceCommits(before: VolumeState, after: VolumeState, changes: Changes): Promise<void> {
    const batch = new Batch()
    await this.pages.end(changes, before.base, batch)
    this.leftovers.markDirty(batch)
    this.#putState(before, after, batch)
    await this.#writer.write(batch, { sync: true })
    this.leftovers.finish(after.pending.map((commit) => commit.sequence))
  }

  /**
   * Drops the pages of commits that were replaced, and those that never became visible. A step of its own: before the new
   * state is visible, views of the old commits may be opened, and while its batch may still fail, they are all there is (I12).
   */
  async dropReplaced(before: VolumeState, after: VolumeState): Promise<void> {
    const kept = new Set(after.pending.map((commit) => commit.sequence))
    const replaced = before.pending.filter((commit) => !kept.has(commit.sequence))
    await this.pages.dropInvisible(replaced, before.pageSize)
  }

  /**
   * The first step of forgetting the volume. From here on it is not known, and whatever happens to this process, its pages
   * go: now by {@link removeAll}, or when the store is opened again.
   */
  async forget(): Promise<void> {
    const batch = new Batch()
    batch.remove(this.#keys.info)
    batch.put(this.#keys.forgotten, new Uint8Array(0))
    await this.#database.write(batch, { sync: true })
  }

  /** Removes everything that the volume has, in steps, and at last what says that it has to be removed. */
  async removeAll(): Promise<void> {
    let batch = new Batch()
    for await (const key of this.#database.keys(this.#keys.all)) {
      batch.remove(key)
      if (batch.operations.length < REMOVED_KEYS_PER_BATCH) continue
      await this.#database.write(batch, { sync: false })
      batch = new Batch()
    }
    batch.remove(this.#keys.usage)
    batch.remove(this.#keys.forgotten)
    await this.#database.write(batch, { sync: false })
    this.#ledger.set(this.#volumeId, { cached: 0, kept: 0 })
  }

  #tools() {
    const { leftovers, recency } = this
    return { database: this.#database, writer: this.#writer, keys: this.#keys, leftovers, recency }
  }

  /** The records that differ between two states. */
  #putState(before: VolumeState, after: VolumeState, batch: Batch): void {
    const [old, kept] = [new Set(before.pending), new Set(after.pending)]
    for (const commit of old) if (!kept.has(commit)) batch.remove(this.#keys.commit(commit.sequence))
    for (const commit of kept) if (!old.has(commit)) batch.put(this.#keys.commit(commit.sequence), encodeLocalCommit(commit))
    this.#putPush(after, batch)
    batch.put(this.#keys.info, encodeVolumeInfo(after))
  }

  #putPush(state: VolumeState, batch: Batch): void {
    const isEmpty = state.sent.length === 0 && state.uploads.length === 0 && state.divergence === undefined
    if (isEmpty) batch.remove(this.#keys.push)
    else batch.put(this.#keys.push, encodePushInfo(state))
  }
}
