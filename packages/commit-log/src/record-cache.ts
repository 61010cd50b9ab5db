import type { ObjectStore } from '@graft-ts/storage-adapters'
import {
  decodeCommit,
  isTypedError,
  type Lsn,
  layerCountMax,
  RecordError,
  sealedLength,
  storeKeys,
  type VolumeId,
} from '@graft-ts/volume'
import { CommitLogError } from './errors.ts'
import type { LogMemory } from './log-memory.ts'
import type { StoredCommit } from './stored-commit.ts'

// Records with many layers are longer; the first ranged read should usually be enough.
const FIRST_READ_BYTES = [4096, 4096, 4096, 32768, 32768, 32768]

/** Reads commit records of all volumes of a store and keeps the decoded ones in memory. They never change. */
export class RecordCache {
  readonly #store: ObjectStore
  readonly #memory: LogMemory
  readonly #reading = new Map<string, Promise<StoredCommit | undefined>>()

  constructor(store: ObjectStore, memory: LogMemory) {
    this.#store = store
    this.#memory = memory
  }

  /**
   * The record, or `undefined` if it did not exist when the store was asked, which happens after this call begins:
   * an answer that somebody else waits for already could be older than the question.
   */
  async probe(volumeId: VolumeId, lsn: Lsn, signal?: AbortSignal): Promise<StoredCommit | undefined> {
    return this.#memory.record(volumeId, lsn) ?? (await this.#read(volumeId, lsn, signal))
  }

  /** A record that is known to exist. Concurrent callers share one read. */
  async get(volumeId: VolumeId, lsn: Lsn): Promise<StoredCommit> {
    const kept = this.#memory.record(volumeId, lsn)
    if (kept !== undefined) return kept
    const key = storeKeys.commit(volumeId, lsn)
    let reading = this.#reading.get(key)
    if (reading === undefined) {
      // Shared, so no single caller's signal may end it.
      reading = this.#read(volumeId, lsn).finally(() => this.#reading.delete(key))
      this.#reading.set(key, reading)
    }
    const commit = await reading
    if (commit === undefined) throw new CommitLogError('COMMIT_MISSING', `the log has a gap, volume=${volumeId} lsn=${lsn}`)
    return commit
  }

  async #read(volumeId: VolumeId, lsn: Lsn, signal?: AbortSignal): Promise<StoredCommit | undefined> {
    const sealed = await this.#readSealed(storeKeys.commit(volumeId, lsn), layerCountMax(lsn), signal)
    if (sealed === undefined) return undefined
    const { record } = decodeCommit(sealed)
    if (record.volumeId !== volumeId || record.lsn !== lsn) {
      throw new CommitLogError(
        'COMMIT_FOREIGN',
        `record of another place, got=${record.volumeId}/${record.lsn} expected=${volumeId}/${lsn}`,
      )
    }
    const commit = { record, sealed }
    this.#memory.keepRecord(commit)
    return commit
  }

  async #readSealed(key: string, layers: number, signal: AbortSignal | undefined): Promise<Uint8Array | undefined> {
    const firstBytes = FIRST_READ_BYTES[layers]
    const withSignal = signal === undefined ? {} : { signal }
    const range = firstBytes !== undefined && { range: { offset: 0, length: firstBytes } }
    const first = await this.#store.get(key, { ...withSignal, ...range }).catch((error: unknown) => {
      // No range begins within an object without bytes.
      if (!isTypedError(error) || error.code !== 'STORE_RANGE') throw error
      throw new RecordError('RECORD_TRUNCATED', `an empty object where a commit should be, key=${key}`, { cause: error })
    })
    if (first === undefined) return undefined
    const length = sealedLength(first.bytes)
    // A copy: the record stays in memory, and what else was read with it (inline frames) must not.
    if (first.bytes.length >= length || first.size <= first.bytes.length) return first.bytes.slice(0, length)
    const rest = await this.#store.get(key, {
      ...withSignal,
      range: { offset: first.bytes.length, length: length - first.bytes.length },
    })
    if (rest === undefined) throw new CommitLogError('COMMIT_MISSING', `commit vanished while it was read, key=${key}`)
    const sealed = new Uint8Array(first.bytes.length + rest.bytes.length)
    sealed.set(first.bytes)
    sealed.set(rest.bytes, first.bytes.length)
    return sealed
  }
}
