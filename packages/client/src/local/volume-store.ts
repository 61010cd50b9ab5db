import type { Splinter } from '@graft-ts/splinter'
import type { Changes, Lsn, Snapshot, VolumeId } from '@graft-ts/volume'
import { type LocalCommit, newestVersions } from '../state/local-commit.ts'
import type { VolumeState } from '../state/volume-state.ts'
import { VolumeKeys } from './keys.ts'
import type { LocalDatabase, LocalOperation } from './local-store.ts'
import { decodePage, decodePageEntry, encodePage, encodePageEntry, type PageEntry } from './page-entry.ts'
import { Pins, type View } from './pins.ts'
import {
  decodeLocalCommit,
  decodePushInfo,
  decodeVolumeInfo,
  encodeLocalCommit,
  encodePushInfo,
  encodeVolumeInfo,
} from './records.ts'

// Up to here changed pages are looked up one by one; beyond, the pages that are present are walked instead.
const LOOKUP_PAGES_MAX = 20_000
const CHUNK = 1000

/** A page of the remote log as a read gave it. */
export interface RemotePage {
  readonly pageIndex: number
  /** The commit that wrote it; 0: nobody did, it is zeros. */
  readonly writtenLsn: Lsn
  /** Borrowed; `undefined` for a zero page. */
  readonly bytes: Uint8Array | undefined
}

/**
 * What one volume has in the local store. Each method is one atomic batch; callers run them one after the other and make
 * a new state visible only when its batch is done.
 */
export class VolumeStore {
  readonly keys: VolumeKeys
  readonly pins: Pins = new Pins()
  readonly #database: LocalDatabase
  readonly #volumeId: VolumeId
  // Whether the record `dirty` exists, and whether pages were written for local commits that are not visible yet.
  #isDirty = false
  #hasUnfinished = false

  constructor(database: LocalDatabase, volumeId: VolumeId) {
    this.#database = database
    this.#volumeId = volumeId
    this.keys = new VolumeKeys(volumeId)
  }

  /**
   * Where the volume stands, after what a crash left behind has been cleared away; `undefined`: it is not here.
   *
   * @throws ClientError `LOCAL_STORE_CORRUPT`, `LOCAL_STORE_FAILED`.
   */
  async load(): Promise<VolumeState | undefined> {
    const { keys } = this
    const [info, push, dirty] = await this.#database.getMany([keys.info, keys.push, keys.dirty])
    if (info === undefined) return undefined
    const pending: LocalCommit[] = []
    for await (const [, bytes] of this.#database.entries(keys.commits)) pending.push(decodeLocalCommit(bytes))
    const state = {
      ...decodeVolumeInfo(this.#volumeId, info),
      ...decodePushInfo(push),
      pending,
      remote: undefined,
      divergence: undefined,
    }
    if (dirty !== undefined) await this.#sweep(pending)
    return state
  }

  /** Makes a volume known. */
  async create(state: VolumeState): Promise<void> {
    await this.#database.write([this.#putInfo(state)], { sync: false })
  }

  /** Writes the pages of a local commit that is not visible yet: a crash before it becomes visible sweeps them away. */
  async writePages(sequence: number, pages: ReadonlyMap<number, Uint8Array>): Promise<void> {
    this.#hasUnfinished = true
    await this.#database.write([...this.#markDirty(), ...this.#putPages(sequence, pages)], { sync: false })
  }

  /** One more local commit, with its pages. */
  async addCommit(state: VolumeState, commit: LocalCommit, pages: ReadonlyMap<number, Uint8Array>, sync: boolean): Promise<void> {
    const operations = [this.#putCommit(commit), ...this.#putPages(commit.sequence, pages), this.#putInfo(state)]
    await this.#database.write(operations, { sync })
  }

  /** What is under way to the remote log. An attempt is durable before it is sent (I6), so `sync` is for that step. */
  async savePush(state: VolumeState, sync: boolean): Promise<void> {
    await this.#database.write([this.#putPush(state)], { sync })
  }

  /** Moves to a newer base; pages that others changed or cut off hold no longer than up to the old one. */
  async moveBase(before: VolumeState, after: VolumeState, changes: Changes): Promise<void> {
    const ended = await this.#endEntries(changes, before.base)
    await this.#database.write([...ended, ...this.#putState(before, after)], { sync: false })
  }

  /** Turns local commits into the remote commit that they became: its pages are present from then on. */
  async acknowledge(before: VolumeState, after: VolumeState, commits: readonly LocalCommit[], changes: Changes): Promise<void> {
    const operations = await this.#endEntries(changes, before.base)
    const hidden = new Map(commits.map((commit) => [commit.sequence, commit.own.clone()]))
    for (const { sequence, pages } of newestVersions(commits)) {
      const entry = encodePageEntry({ from: after.base.lsn, to: undefined, content: { type: 'local', sequence } })
      for (const pageIndex of pages) operations.push({ type: 'put', key: this.keys.openEntry(pageIndex), value: entry })
      hidden.get(sequence)?.deleteAll(pages)
    }
    for (const [sequence, pages] of hidden) operations.push(...this.#dropLocalPages(sequence, pages))
    await this.#database.write([...operations, ...this.#putState(before, after)], { sync: false })
  }

  /** Replaces pending commits, whose pages go, by others, whose pages have been written already. */
  async replaceCommits(before: VolumeState, after: VolumeState, changes: Changes): Promise<void> {
    const operations = await this.#endEntries(changes, before.base)
    const kept = new Set(after.pending.map((commit) => commit.sequence))
    for (const { sequence, own } of before.pending) {
      if (!kept.has(sequence)) operations.push(...this.#dropLocalPages(sequence, own))
    }
    this.#hasUnfinished = false
    await this.#database.write([...operations, ...this.#putState(before, after), ...this.#markClean()], { sync: true })
  }

  /**
   * Keeps pages that were read at a commit.
   *
   * @param base The present base: what was read there holds from now on until a pull says otherwise.
   */
  async keepPages(lsn: Lsn, pages: readonly RemotePage[], base: Snapshot): Promise<void> {
    const operations: LocalOperation[] = []
    for (const { pageIndex, writtenLsn, bytes } of pages) {
      const from = bytes === undefined ? lsn : writtenLsn
      const content: PageEntry['content'] = bytes === undefined ? { type: 'zero' } : { type: 'bytes', bytes }
      if (lsn === base.lsn) {
        operations.push({
          type: 'put',
          key: this.keys.openEntry(pageIndex),
          value: encodePageEntry({ from, to: undefined, content }),
        })
      } else {
        operations.push(...this.#keepEnded(pageIndex, { from, to: lsn, content }))
      }
    }
    await this.#database.write(operations, { sync: false })
  }

  /** Lets go of a view, and of what was kept for it alone. */
  async unpin(view: View): Promise<void> {
    const free = this.pins.unpin(view)
    if (free.length > 0) await this.#database.write([...free.map(remove), ...this.#markClean()], { sync: false })
  }

  /** Whether there are ended entries: only while open views need them. */
  get hasEnded(): boolean {
    return this.pins.hasRetired
  }

  /** The open entries of pages, in their order. */
  async openEntries(pages: readonly number[]): Promise<(PageEntry | undefined)[]> {
    const found = await this.#database.getMany(pages.map((pageIndex) => this.keys.openEntry(pageIndex)))
    return found.map((bytes) => (bytes === undefined ? undefined : decodePageEntry(bytes)))
  }

  /** An entry that ended and holds at an LSN. */
  async endedEntry(pageIndex: number, lsn: Lsn): Promise<PageEntry | undefined> {
    for await (const [, bytes] of this.#database.entries(this.keys.endedEntriesOf(pageIndex))) {
      const entry = decodePageEntry(bytes)
      if (entry.from <= lsn && entry.to !== undefined && lsn <= entry.to) return entry
    }
    return undefined
  }

  /** Pages as local commits wrote them; the bytes belong to the store. `undefined` where there are none. */
  async localPages(places: readonly { sequence: number; pageIndex: number }[]): Promise<(Uint8Array | undefined)[]> {
    const found = await this.#database.getMany(places.map(({ sequence, pageIndex }) => this.keys.localPage(sequence, pageIndex)))
    return found.map((bytes) => (bytes === undefined ? undefined : decodePage(bytes)))
  }

  /** What it takes to end the open entries of pages that changed after `base`, or to drop those that nobody can read. */
  async #endEntries(changes: Changes, base: Snapshot): Promise<LocalOperation[]> {
    const operations: LocalOperation[] = []
    const touched = await this.#touchedKeys(changes)
    for (let i = 0; i < touched.length; i += CHUNK) {
      const keys = touched.slice(i, i + CHUNK)
      for (const [n, bytes] of (await this.#database.getMany(keys)).entries()) {
        if (bytes === undefined) continue
        const key = keys[n] as string
        operations.push(remove(key), ...this.#endEntry(this.keys.pageOfOpenEntry(key), decodePageEntry(bytes), base))
      }
    }
    return operations
  }

  #endEntry(pageIndex: number, entry: PageEntry, base: Snapshot): LocalOperation[] {
    const { content } = entry
    const ended = { ...entry, to: base.lsn }
    const operations = this.#keepEnded(pageIndex, ended)
    if (content.type !== 'local') return operations
    // Views that have the local commit itself among their pending ones read the page too.
    const isNeededBy = (view: View): boolean => holdsFor(ended, view) || hasPending(view, content.sequence)
    return [...operations, ...this.#drop([this.keys.localPage(content.sequence, pageIndex)], isNeededBy)]
  }

  /** What it takes to keep an entry that has ended for the views that may read it; nothing if there are none. */
  #keepEnded(pageIndex: number, entry: PageEntry & { readonly to: Lsn }): LocalOperation[] {
    const isNeededBy = (view: View): boolean => holdsFor(entry, view)
    if (!this.pins.isNeeded(isNeededBy)) return []
    const key = this.keys.endedEntry(pageIndex, entry.from)
    this.pins.retire([key], isNeededBy)
    return [...this.#markDirty(), { type: 'put', key, value: encodePageEntry(entry) }]
  }

  /** What it takes to drop keys: at once, or when the last view that may read them is closed. */
  #drop(keys: readonly string[], isNeededBy: (view: View) => boolean): LocalOperation[] {
    if (keys.length === 0) return []
    if (!this.pins.isNeeded(isNeededBy)) return keys.map(remove)
    this.pins.retire(keys, isNeededBy)
    return this.#markDirty()
  }

  async #touchedKeys(changes: Changes): Promise<string[]> {
    const { pages, floor } = changes
    const touched: string[] = []
    if (pages.size <= LOOKUP_PAGES_MAX) {
      for (const pageIndex of pages) touched.push(this.keys.openEntry(pageIndex))
    } else {
      for await (const key of this.#database.keys(this.keys.openEntries)) {
        if (pages.has(this.keys.pageOfOpenEntry(key))) touched.push(key)
      }
    }
    if (floor === undefined) return touched
    for await (const key of this.#database.keys(this.keys.openEntriesFrom(floor + 1))) {
      if (!pages.has(this.keys.pageOfOpenEntry(key))) touched.push(key)
    }
    return touched
  }

  #dropLocalPages(sequence: number, pages: Splinter): LocalOperation[] {
    const keys = Array.from(pages, (pageIndex) => this.keys.localPage(sequence, pageIndex))
    return this.#drop(keys, (view) => hasPending(view, sequence))
  }

  /** The records that differ between two states. */
  #putState(before: VolumeState, after: VolumeState): LocalOperation[] {
    const gone = before.pending.filter((commit) => !after.pending.includes(commit))
    const added = after.pending.filter((commit) => !before.pending.includes(commit))
    const operations: LocalOperation[] = gone.map((commit) => remove(this.keys.commit(commit.sequence)))
    for (const commit of added) operations.push(this.#putCommit(commit))
    return [...operations, this.#putPush(after), this.#putInfo(after)]
  }

  #putInfo(state: VolumeState): LocalOperation {
    return { type: 'put', key: this.keys.info, value: encodeVolumeInfo(state) }
  }

  #putPush(state: VolumeState): LocalOperation {
    const isEmpty = state.sent.length === 0 && state.uploads.length === 0
    return isEmpty ? remove(this.keys.push) : { type: 'put', key: this.keys.push, value: encodePushInfo(state) }
  }

  #putCommit(commit: LocalCommit): LocalOperation {
    return { type: 'put', key: this.keys.commit(commit.sequence), value: encodeLocalCommit(commit) }
  }

  #putPages(sequence: number, pages: ReadonlyMap<number, Uint8Array>): LocalOperation[] {
    return Array.from(pages, ([pageIndex, page]) => ({
      type: 'put' as const,
      key: this.keys.localPage(sequence, pageIndex),
      value: encodePage(page),
    }))
  }

  #markDirty(): LocalOperation[] {
    if (this.#isDirty) return []
    this.#isDirty = true
    return [{ type: 'put', key: this.keys.dirty, value: new Uint8Array(0) }]
  }

  // Part of the batch that cleans up; if that batch fails, entries may outlive the client, and nothing worse.
  #markClean(): LocalOperation[] {
    if (!this.#isDirty || this.#hasUnfinished || this.pins.hasRetired) return []
    this.#isDirty = false
    return [remove(this.keys.dirty)]
  }

  /** Clears away what was kept for views of a process that is gone, and pages that never became visible. */
  async #sweep(pending: readonly LocalCommit[]): Promise<void> {
    const garbage: LocalOperation[] = []
    for await (const key of this.#database.keys(this.keys.endedEntries)) garbage.push(remove(key))
    const sequences = new Set(pending.map((commit) => commit.sequence))
    let orphans: { key: string; sequence: number; pageIndex: number }[] = []
    const settle = async (): Promise<void> => {
      const entries = await this.openEntries(orphans.map(({ pageIndex }) => pageIndex))
      for (const [i, { key, sequence }] of orphans.entries()) {
        const content = entries[i]?.content
        if (content?.type !== 'local' || content.sequence !== sequence) garbage.push(remove(key))
      }
      orphans = []
    }
    for await (const key of this.#database.keys(this.keys.localPages)) {
      const place = this.keys.parseLocalPage(key)
      if (!sequences.has(place.sequence)) orphans.push({ key, ...place })
      if (orphans.length >= CHUNK) await settle()
    }
    await settle()
    await this.#database.write([...garbage, remove(this.keys.dirty)], { sync: false })
  }
}

/** Whether a view may read an entry that has ended. */
function holdsFor(entry: PageEntry & { readonly to: Lsn }, view: View): boolean {
  return entry.from <= view.base.lsn && view.base.lsn <= entry.to
}

function hasPending(view: View, sequence: number): boolean {
  return view.pending.some((commit) => commit.sequence === sequence)
}

function remove(key: string): LocalOperation {
  return { type: 'del', key }
}
