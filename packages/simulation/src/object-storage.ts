import {
  type CallOptions,
  type CompareAndSwapOptions,
  type DeleteOptions,
  type GetOptions,
  type ListOptions,
  type ListPage,
  type ObjectInfo,
  type ObjectStore,
  type StoreCapabilities,
  type StoredObject,
  StoreError,
  type WriteResult,
} from '@graft-ts/storage-adapters'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import { encodeHeadHint, type Lsn } from '@graft-ts/volume'
import { calm, drawLatency, type Latency } from './latency.ts'
import type { Process } from './process.ts'
import type { Random } from './random.ts'
import type { Scheduler } from './scheduler.ts'
import type { Tally } from './tally.ts'

/** Told of every write to the shared store, at the moment at which it takes effect. */
export interface StoreWatcher {
  created(key: string, bytes: Uint8Array): void
  /** A write that may replace or remove something. */
  changed(key: string, how: 'put' | 'compareAndSwap' | 'delete'): void
  /** Somebody asks which objects there are. */
  listed(prefix: string): void
}

/** The one object store of a run, and the lines to it. */
export class ObjectStorage {
  readonly objects: MemoryStore = new MemoryStore()
  watcher: StoreWatcher | undefined
  readonly scheduler: Scheduler
  readonly random: Random
  readonly tally: Tally
  readonly #latency: Latency
  readonly #cuts = new Set<string>()
  readonly #hintLies: number
  #isHealed = false

  constructor(options: { scheduler: Scheduler; random: Random; latency: Latency; hintLies: number; tally: Tally }) {
    this.scheduler = options.scheduler
    this.random = options.random
    this.tally = options.tally
    this.#latency = options.latency
    this.#hintLies = options.hintLies
  }

  /** Whether every line works from here on; what is under way stays as late as it is. */
  heal(isHealed: boolean): void {
    this.#isHealed = isHealed
    if (isHealed) this.#cuts.clear()
  }

  /** Lets nothing through between a node and the store, or again. */
  cut(name: string, isCut: boolean): void {
    if (isCut) this.#cuts.add(name)
    else this.#cuts.delete(name)
  }

  isCut(name: string): boolean {
    return this.#cuts.has(name)
  }

  /** The store as one process sees it. */
  linkOf(process: Process): ObjectStore {
    return new StoreLink(this, process)
  }

  delayMs(process: Process): number {
    const { delayMs, isLate } = drawLatency(this.#isHealed ? calm(this.#latency) : this.#latency, this.random)
    if (isLate) this.tally.add('object store: far too late')
    return delayMs * process.slowness
  }

  /** What an object says that nobody may believe: nothing, something that is long past, or something that never was. */
  lieAbout(key: string): StoredObject | 'absent' | undefined {
    const { random } = this
    if (!key.endsWith('/head') || this.#isHealed || !random.chance(this.#hintLies)) return undefined
    this.tally.add('object store: hint is a lie')
    if (random.chance(0.3)) return 'absent'
    const bytes = encodeHeadHint(random.pick([1, 2, 40, 5_000]) as Lsn)
    return { bytes, etag: 'lie', size: bytes.length, offset: 0 }
  }
}

class StoreLink implements ObjectStore {
  readonly #storage: ObjectStorage
  readonly #process: Process

  constructor(storage: ObjectStorage, process: Process) {
    this.#storage = storage
    this.#process = process
  }

  get capabilities(): StoreCapabilities {
    return this.#storage.objects.capabilities
  }

  get(key: string, options?: GetOptions): Promise<StoredObject | undefined> {
    const range = options?.range === undefined ? {} : { range: options.range }
    return this.#call('get', key, options, async () => {
      const lie = this.#storage.lieAbout(key)
      if (lie !== undefined) return lie === 'absent' ? undefined : lie
      return this.#storage.objects.get(key, range)
    })
  }

  head(key: string, options?: CallOptions): Promise<ObjectInfo | undefined> {
    return this.#call('head', key, options, () => this.#storage.objects.head(key))
  }

  put(key: string, body: Uint8Array, options?: CallOptions): Promise<WriteResult> {
    return this.#call('put', key, options, async () => {
      const result = await this.#storage.objects.put(key, body)
      this.#storage.watcher?.changed(key, 'put')
      return result
    })
  }

  create(key: string, body: Uint8Array, options?: CallOptions): Promise<WriteResult> {
    return this.#call('create', key, options, async () => {
      const result = await this.#storage.objects.create(key, body)
      this.#storage.watcher?.created(key, new Uint8Array(body))
      return result
    })
  }

  compareAndSwap(key: string, body: Uint8Array, options: CompareAndSwapOptions): Promise<WriteResult> {
    return this.#call('compareAndSwap', key, options, async () => {
      const result = await this.#storage.objects.compareAndSwap(key, body, { etag: options.etag })
      this.#storage.watcher?.changed(key, 'compareAndSwap')
      return result
    })
  }

  delete(key: string, options?: DeleteOptions): Promise<void> {
    return this.#call('delete', key, options, async () => {
      await this.#storage.objects.delete(key, options?.etag === undefined ? {} : { etag: options.etag })
      this.#storage.watcher?.changed(key, 'delete')
    })
  }

  deleteMany(keys: readonly string[], options?: CallOptions): Promise<void> {
    return this.#call('deleteMany', keys[0] ?? '', options, async () => {
      await this.#storage.objects.deleteMany(keys)
      for (const key of keys) this.#storage.watcher?.changed(key, 'delete')
    })
  }

  list(options: ListOptions): Promise<ListPage> {
    const { prefix, startAfter, limit } = options
    this.#storage.watcher?.listed(prefix)
    return this.#call('list', prefix, options, () => this.#storage.objects.list({ prefix, startAfter, limit }))
  }

  /** The request travels, takes effect at one moment, and its answer travels back: to whoever is left. */
  #call<T>(name: string, subject: string, options: CallOptions | undefined, effect: () => Promise<T>): Promise<T> {
    const storage = this.#storage
    const process = this.#process
    const { scheduler } = storage
    const signal = options?.signal
    const isRead = name === 'get' || name === 'head' || name === 'list'
    return new Promise((resolve, reject) => {
      // A process that has died sends nothing any more, and hears nothing.
      if (!process.isAlive) return
      const abort = (): void => {
        const code = isRead ? 'STORE_ABORTED' : 'STORE_OUTCOME_UNKNOWN'
        reject(new StoreError(code, `${name}: given up by the caller, key=${subject}`))
      }
      if (signal?.aborted === true) return reject(new StoreError('STORE_ABORTED', `${name}: given up before it was sent`))
      signal?.addEventListener('abort', abort, { once: true })
      const reply = (settle: () => void): void => {
        if (storage.isCut(process.name)) return storage.tally.add('object store: lost in a partition')
        scheduler.after(process, storage.delayMs(process), '', () => {
          signal?.removeEventListener('abort', abort)
          settle()
        })
      }
      const label = `${process.name} > store ${name} ${subject}`
      scheduler.after(undefined, storage.delayMs(process), label, () => {
        if (storage.isCut(process.name)) return storage.tally.add('object store: lost in a partition')
        effect().then(
          (value) => reply(() => resolve(value)),
          (error: unknown) => reply(() => reject(error)),
        )
      })
    })
  }
}
