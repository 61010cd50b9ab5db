import type { Lsn, VolumeId } from '@graft-ts/volume'
import type { KeyRange } from './local-store.ts'

/*
 * Keys of the local store, format version 1 (docs/format/local-store.md). Numbers are hexadecimal with a fixed width, so that keys sort like them.
 *
 * | key                              | value                                              |
 * | `info`                           | StoreInfo                                          |
 * | `u/{volume}`                     | UsageInfo                                          |
 * | `f/{volume}`                     | empty: the volume is being forgotten               |
 * | `v/{volume}/info`                | VolumeInfo                                         |
 * | `v/{volume}/push`                | PushInfo                                           |
 * | `v/{volume}/dirty`               | empty: pages may lie about that nobody needs       |
 * | `v/{volume}/c/{sequence}`        | LocalCommit                                        |
 * | `v/{volume}/l/{sequence}/{page}` | a page as that local commit wrote it               |
 * | `v/{volume}/o/{page}`            | page entry that holds up to the base               |
 * | `v/{volume}/i/{page}/{from}`     | page entry that ended, kept for open snapshots     |
 */
const PAGE_DIGITS = 8
const NUMBER_DIGITS = 14

/** The key of the store's own record. */
export const INFO_KEY = 'info'

const pageText = (pageIndex: number): string => pageIndex.toString(16).padStart(PAGE_DIGITS, '0')
const numberText = (value: number): string => value.toString(16).padStart(NUMBER_DIGITS, '0')

/** All keys that begin with a text that ends in a slash. */
function under(prefix: string): KeyRange {
  return { gte: prefix, lt: `${prefix.slice(0, -1)}0` }
}

/** Where everything of all volumes is. */
export const VOLUMES_RANGE: KeyRange = under('v/')

/** Where the usage of all volumes is. */
export const USAGE_RANGE: KeyRange = under('u/')

/** Where the volumes are named that are being forgotten. */
export const FORGOTTEN_RANGE: KeyRange = under('f/')

/** The volume that a key of {@link USAGE_RANGE} or {@link FORGOTTEN_RANGE} is about. */
export function volumeOfKey(key: string): string {
  return key.slice(2)
}

/** The key of a volume's own record. */
export function volumeInfoKey(volumeId: VolumeId): string {
  return `v/${volumeId}/info`
}

/** The first key of another volume after this one, for walking from volume to volume. */
export function afterVolume(volumeId: string): string {
  return `v/${volumeId}0`
}

/** The keys of one volume. */
export class VolumeKeys {
  readonly info: string
  readonly push: string
  readonly dirty: string
  readonly usage: string
  readonly forgotten: string
  /** Everything that the volume has, but for its usage and the mark that it is being forgotten. */
  readonly all: KeyRange
  readonly commits: KeyRange
  readonly localPages: KeyRange
  readonly openEntries: KeyRange
  readonly endedEntries: KeyRange
  readonly #prefix: string

  constructor(volumeId: VolumeId) {
    const prefix = `v/${volumeId}/`
    this.#prefix = prefix
    this.info = volumeInfoKey(volumeId)
    this.push = `${prefix}push`
    this.dirty = `${prefix}dirty`
    this.usage = `u/${volumeId}`
    this.forgotten = `f/${volumeId}`
    this.all = under(prefix)
    this.commits = under(`${prefix}c/`)
    this.localPages = under(`${prefix}l/`)
    this.openEntries = under(`${prefix}o/`)
    this.endedEntries = under(`${prefix}i/`)
  }

  commit(sequence: number): string {
    return `${this.#prefix}c/${numberText(sequence)}`
  }

  localPage(sequence: number, pageIndex: number): string {
    return `${this.#prefix}l/${numberText(sequence)}/${pageText(pageIndex)}`
  }

  /** Sequence and page of a local page's key. */
  parseLocalPage(key: string): { sequence: number; pageIndex: number } {
    const [sequence, page] = key.slice(this.localPages.gte.length).split('/') as [string, string]
    return { sequence: Number.parseInt(sequence, 16), pageIndex: Number.parseInt(page, 16) }
  }

  openEntry(pageIndex: number): string {
    return `${this.#prefix}o/${pageText(pageIndex)}`
  }

  pageOfOpenEntry(key: string): number {
    return Number.parseInt(key.slice(this.openEntries.gte.length), 16)
  }

  /** Open entries of this page and all after it. */
  openEntriesFrom(pageIndex: number): KeyRange {
    return { gte: this.openEntry(pageIndex), lt: this.openEntries.lt }
  }

  endedEntry(pageIndex: number, from: Lsn): string {
    return `${this.#prefix}i/${pageText(pageIndex)}/${numberText(from)}`
  }
}
