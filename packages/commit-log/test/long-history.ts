import { Splinter } from '@graft-ts/splinter'
import type { GetOptions, ObjectStore, StoredObject } from '@graft-ts/storage-adapters'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import {
  clientIdFromBytes,
  commitIdFromBytes,
  encodeCommit,
  encodeHeadHint,
  type Lsn,
  layerCountMax,
  packOffsets,
  type RollupLayer,
  segmentIdFromBytes,
  storeKeys,
  type VolumeId,
} from '@graft-ts/volume'
import type { CommitAttempt } from '../src/index.ts'
import { commitId, PAGE_SIZE, volumeId } from './history.ts'

/** Pages of the volume. */
export const PAGES = 3000
const PAGES_PER_COMMIT = 3

/** One of the pages that a commit writes. */
function pageOf(lsn: number, i: number): number {
  const mixed = Math.imul(Math.imul(lsn * PAGES_PER_COMMIT + i, 0x9e3779b1) ^ (lsn >>> 7), 0x85ebca6b) >>> 0
  return 1 + (mixed % PAGES)
}

/** Ids from numbers. */
function idBytes(prefix: number, number: number): Uint8Array {
  const bytes = new Uint8Array(16)
  bytes[0] = prefix
  new DataView(bytes.buffer).setFloat64(8, number)
  return bytes
}

const clientId = clientIdFromBytes(idBytes(0xc0, 1))

/**
 * A store with a history as long as one likes: each record is made when it is read, from numbers that the LSN gives. Some
 * commits shrink the volume and grow it again. What is written is kept beside it.
 */
export class LongHistory {
  readonly volumeId: VolumeId = volumeId()
  readonly store: ObjectStore
  /** The LSN that the head hint tells; `undefined`: there is none. */
  hint: number | undefined
  readonly head: number
  readonly #commitsPerCut: number
  readonly #written = new MemoryStore()
  readonly #records = new Map<number, Uint8Array<ArrayBuffer>>()

  /** @param commitsPerCut How many commits there are from one that shrinks the volume to the next. */
  constructor(head: number, commitsPerCut = 90_001) {
    this.head = head
    this.#commitsPerCut = commitsPerCut
    this.hint = head
    const written = this.#written
    this.store = Object.assign(Object.create(written) as ObjectStore, {
      capabilities: written.capabilities,
      create: written.create.bind(written),
      put: async () => ({ etag: '' }),
      get: async (key: string, options?: GetOptions) => this.#get(key, options),
    })
  }

  /** The pages that a commit writes, ascending. */
  pagesOf(lsn: number): number[] {
    const pages = Array.from({ length: PAGES_PER_COMMIT }, (_, i) => pageOf(lsn, i))
    return [...new Set(pages)].sort((a, b) => a - b)
  }

  /** To how many pages a commit cut the volume; infinite: it did not. */
  floorOf(lsn: number): number {
    return lsn % this.#commitsPerCut === 0 ? PAGES - (lsn % 1000) - 1 : Number.POSITIVE_INFINITY
  }

  /** Calls back with each page that changed in (since, until], and the commit that did so last; gives the lowest floor. */
  walk(
    since: number,
    until: number,
    found: (page: number, lsn: number) => void,
    behind?: (lsn: number, floor: number) => void,
  ): number {
    const isKnown = new Uint8Array(PAGES + 1)
    let floor = Number.POSITIVE_INFINITY
    for (let lsn = until; lsn > since; lsn--) {
      for (let i = 0; i < PAGES_PER_COMMIT; i++) {
        const page = pageOf(lsn, i)
        if (page <= floor && isKnown[page] === 0) found(page, lsn)
        isKnown[page] = 1
      }
      floor = Math.min(floor, this.floorOf(lsn))
      behind?.(lsn, floor)
    }
    return floor
  }

  /** What changed in (since, until], from the plain commits. */
  changes(since: number, until: number): { pages: number[]; floor: number | undefined } {
    const pages: number[] = []
    const floor = this.walk(since, until, (page) => pages.push(page))
    return { pages: pages.sort((a, b) => a - b), floor: finite(floor) }
  }

  /** An attempt on the head. */
  attempt(): CommitAttempt {
    const own = Splinter.from([1])
    return {
      baseLsn: this.head as Lsn,
      commitId: commitId(),
      clientId,
      pageSize: PAGE_SIZE,
      pageCount: PAGES,
      floor: undefined,
      own,
      refs: [refOf(own, this.head + 1)],
    }
  }

  async #get(key: string, options: GetOptions | undefined): Promise<StoredObject | undefined> {
    if (key === storeKeys.head(this.volumeId)) {
      return this.hint === undefined ? undefined : part(encodeHeadHint(this.hint as Lsn), undefined)
    }
    if (key === storeKeys.horizon(this.volumeId)) return undefined
    const lsn = Number.parseInt(key.slice(storeKeys.commitsPrefix(this.volumeId).length), 16)
    if (lsn > this.head) return this.#written.get(key, options)
    let record = this.#records.get(lsn)
    if (record === undefined) this.#records.set(lsn, (record = this.#record(lsn)))
    return part(record, options)
  }

  #record(lsn: number): Uint8Array<ArrayBuffer> {
    const own = Splinter.from(this.pagesOf(lsn))
    return encodeCommit({
      volumeId: this.volumeId,
      lsn: lsn as Lsn,
      commitId: commitIdFromBytes(idBytes(0xe0, lsn)),
      clientId,
      pageCount: PAGES,
      floor: finite(this.floorOf(lsn)),
      pageSize: PAGE_SIZE,
      timestampMs: lsn,
      previousHash: new Uint8Array(lsn === 1 ? 0 : 32),
      checkpointLsn: 0 as Lsn,
      own,
      refs: [refOf(own, lsn)],
      layers: this.#layers(lsn),
      inline: undefined,
    })
  }

  #layers(lsn: number): RollupLayer[] {
    const count = layerCountMax(lsn as Lsn)
    const parts = Array.from({ length: count }, () => [] as { page: number; offset: number }[])
    const floors: number[] = []
    const ownLayer = 0
    this.walk(
      lsn - 2 ** count,
      lsn,
      (page, writer) => {
        const layer = 32 - Math.clz32(lsn - writer)
        if (layer !== ownLayer) parts[layer - 1]?.push({ page, offset: writer - (lsn - 2 ** layer) - 1 })
      },
      (reached, floor) => {
        const ago = lsn - reached + 1
        if (ago >= 2 && (ago & (ago - 1)) === 0) floors.push(floor)
      },
    )
    return parts.map((part, i) => {
      part.sort((a, b) => a.page - b.page)
      const pages = Splinter.from(part.map(({ page }) => page))
      const packedOffsets = packOffsets(
        part.map(({ offset }) => offset),
        i + 1,
      )
      return { pages, packedOffsets, floor: finite(floors[i] as number) }
    })
  }
}

function refOf(pages: Splinter, lsn: number) {
  const frames = { lengths: Uint32Array.of(65), checksums: BigUint64Array.of(BigInt(lsn)) }
  return { segmentId: segmentIdFromBytes(idBytes(0xa0, lsn)), pages, offset: 0, frames }
}

function finite(floor: number): number | undefined {
  return floor === Number.POSITIVE_INFINITY ? undefined : floor
}

function part(bytes: Uint8Array<ArrayBuffer>, options: GetOptions | undefined): StoredObject {
  const { offset, length } = options?.range ?? { offset: 0, length: bytes.length }
  return { bytes: bytes.slice(offset, offset + length), offset, size: bytes.length, etag: '' }
}
