import { describe, expect, test } from 'vitest'
import { StoreError } from '../src/errors.ts'
import { compareKeys } from '../src/keys.ts'
import { MemoryStore } from '../src/memory.ts'
import type {
  CompareAndSwapOptions,
  DeleteOptions,
  GetOptions,
  ListEntry,
  ListOptions,
  ListPage,
  StoredObject,
  WriteResult,
} from '../src/object-store.ts'
import { type ProbeOptions, probe } from '../src/probe.ts'

const LARGE = 1000
const rounds = [
  { bodyBytes: 10, count: 5 },
  { bodyBytes: LARGE, count: 3 },
]

/** Lets others go on, as a server does that waits for a body or a disk. */
async function pause(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await Promise.resolve()
}

// Each cheats in one way that real servers cheat in.
class IgnoresCreate extends MemoryStore {
  override create(key: string, body: Uint8Array): Promise<WriteResult> {
    return this.put(key, body)
  }
}

class AcceptsEveryCreatorAndKeepsTheFirst extends MemoryStore {
  override async create(key: string, body: Uint8Array): Promise<WriteResult> {
    const held = await this.head(key)
    return held === undefined ? super.create(key, body).catch(() => ({ etag: 'x' })) : { etag: held.etag }
  }
}

class AcceptsRacingCreatorsAndKeepsTheFirst extends MemoryStore {
  override async create(key: string, body: Uint8Array): Promise<WriteResult> {
    const isFree = (await this.head(key)) === undefined
    await pause()
    return isFree ? super.create(key, body).catch(() => ({ etag: 'x' })) : super.create(key, body)
  }
}

class ChecksCreatesOnlyAgainstOthersUnderWay extends MemoryStore {
  readonly #underWay = new Set<string>()
  override async create(key: string, body: Uint8Array): Promise<WriteResult> {
    if (this.#underWay.has(key)) throw new StoreError('STORE_EXISTS', 'exists')
    this.#underWay.add(key)
    await pause()
    this.#underWay.delete(key)
    return this.put(key, body)
  }
}

class ChecksCreateThenWrites extends MemoryStore {
  override async create(key: string, body: Uint8Array): Promise<WriteResult> {
    if ((await this.head(key)) !== undefined) throw new StoreError('STORE_EXISTS', 'exists')
    await pause()
    return this.put(key, body)
  }
}

class ChecksLargeCreatesThenWrites extends ChecksCreateThenWrites {
  override create(key: string, body: Uint8Array): Promise<WriteResult> {
    return body.byteLength < LARGE ? MemoryStore.prototype.create.call(this, key, body) : super.create(key, body)
  }
}

class CreatesNothing extends MemoryStore {
  #calls = 0
  override async create(key: string, body: Uint8Array): Promise<WriteResult> {
    if (this.#calls++ === 0) return super.create(key, body)
    throw new StoreError('STORE_EXISTS', 'exists')
  }
}

class AcknowledgesTheWrongCreator extends MemoryStore {
  override async create(key: string, body: Uint8Array): Promise<WriteResult> {
    const result = await super.create(key, body)
    if (!key.endsWith('/0'))
      await this.put(
        key,
        body.map((byte) => byte + 1),
      )
    return result
  }
}

class IgnoresSwap extends MemoryStore {
  override compareAndSwap(key: string, body: Uint8Array): Promise<WriteResult> {
    return this.put(key, body)
  }
}

class ChecksSwapsOnlyAgainstOthersUnderWay extends MemoryStore {
  readonly #underWay = new Set<string>()
  override async compareAndSwap(key: string, body: Uint8Array, options: CompareAndSwapOptions): Promise<WriteResult> {
    const held = await this.head(key)
    if (this.#underWay.has(key)) throw new StoreError('STORE_CHANGED', 'changed')
    this.#underWay.add(key)
    await pause()
    this.#underWay.delete(key)
    return held === undefined ? super.compareAndSwap(key, body, options) : this.put(key, body)
  }
}

class SwapsWhatIsAbsent extends MemoryStore {
  override async compareAndSwap(key: string, body: Uint8Array, options: CompareAndSwapOptions): Promise<WriteResult> {
    return (await this.head(key)) === undefined ? this.put(key, body) : super.compareAndSwap(key, body, options)
  }
}

class RefusesAndWrites extends MemoryStore {
  override async compareAndSwap(key: string, body: Uint8Array, options: CompareAndSwapOptions): Promise<WriteResult> {
    if ((await this.head(key)) !== undefined) return super.compareAndSwap(key, body, options)
    await this.put(key, body)
    throw new StoreError('STORE_CHANGED', 'changed')
  }
}

class ChecksSwapThenWrites extends MemoryStore {
  override async compareAndSwap(key: string, body: Uint8Array, options: CompareAndSwapOptions): Promise<WriteResult> {
    if ((await this.head(key))?.etag !== options.etag) throw new StoreError('STORE_CHANGED', 'changed')
    await pause()
    return this.put(key, body)
  }
}

class ChecksLargeSwapsThenWrites extends ChecksSwapThenWrites {
  override compareAndSwap(key: string, body: Uint8Array, options: CompareAndSwapOptions): Promise<WriteResult> {
    if (body.byteLength >= LARGE) return super.compareAndSwap(key, body, options)
    return MemoryStore.prototype.compareAndSwap.call(this, key, body, options)
  }
}

class TellsOtherEtags extends MemoryStore {
  override async compareAndSwap(key: string, body: Uint8Array, options: CompareAndSwapOptions): Promise<WriteResult> {
    const { etag } = await super.compareAndSwap(key, body, options)
    return { etag: `${etag}-0` }
  }
}

class IgnoresConditionsOfDeletions extends MemoryStore {
  override delete(key: string, _options?: DeleteOptions): Promise<void> {
    return super.delete(key)
  }
}

class ChecksDeletionThenDeletes extends MemoryStore {
  override async delete(key: string, options?: DeleteOptions): Promise<void> {
    const held = await this.head(key)
    if (options?.etag !== undefined && held !== undefined && held.etag !== options.etag) {
      throw new StoreError('STORE_CHANGED', 'changed')
    }
    await pause()
    return super.delete(key)
  }
}

class TellsEtagsOfContents extends MemoryStore {
  // Under the etag that is shown, the one that counts.
  readonly #real = new Map<string, string>()
  override async put(key: string, body: Uint8Array): Promise<WriteResult> {
    return this.#shown(body, await super.put(key, body))
  }
  override async get(key: string, options?: GetOptions): Promise<StoredObject | undefined> {
    const found = await super.get(key, options)
    return found && { ...found, ...this.#shown(found.bytes, found) }
  }
  override async compareAndSwap(key: string, body: Uint8Array, options: CompareAndSwapOptions): Promise<WriteResult> {
    const etag = this.#real.get(options.etag) ?? options.etag
    return this.#shown(body, await super.compareAndSwap(key, body, { etag }))
  }
  #shown(bytes: Uint8Array, { etag }: WriteResult): WriteResult {
    const shown = `of ${bytes.join()}`
    this.#real.set(shown, etag)
    return { etag: shown }
  }
}

class ListsLate extends MemoryStore {
  #before: ListPage = { entries: [] }
  override async list(options: ListOptions): Promise<ListPage> {
    const now = await super.list(options)
    const shown = this.#before
    this.#before = now
    return shown
  }
}

class ListsWhatIsDeleted extends MemoryStore {
  readonly #ghosts = new Set<string>()
  override delete(key: string, options?: DeleteOptions): Promise<void> {
    this.#ghosts.add(key)
    return super.delete(key, options)
  }
  override async list(options: ListOptions): Promise<ListPage> {
    const { entries } = await super.list({ ...options, limit: 1000 })
    const ghosts = [...this.#ghosts].filter((key) => key.startsWith(options.prefix)).map((key) => ({ key, size: 1 }))
    return { entries: [...entries, ...ghosts].sort((a, b) => compareKeys(a.key, b.key)) }
  }
}

class ListsFoldersFirst extends MemoryStore {
  override async list(options: ListOptions): Promise<ListPage> {
    const { entries } = await super.list({ ...options, limit: 1000 })
    const depth = ({ key }: ListEntry): number => -key.split('/').length
    return { entries: [...entries].sort((a, b) => depth(a) - depth(b)) }
  }
}

class ForgetsTheSecondPage extends MemoryStore {
  override async list(options: ListOptions): Promise<ListPage> {
    return { entries: (await super.list(options)).entries }
  }
}

class IgnoresRanges extends MemoryStore {
  override get(key: string): Promise<StoredObject | undefined> {
    return super.get(key)
  }
}

class ReadsRangesOneOff extends MemoryStore {
  override async get(key: string, options?: GetOptions): Promise<StoredObject | undefined> {
    const { range } = options ?? {}
    if (range === undefined) return super.get(key)
    const found = await super.get(key, { range: { offset: range.offset, length: range.length + 1 } })
    return found
  }
}

const CHEATS = [
  IgnoresCreate,
  AcceptsEveryCreatorAndKeepsTheFirst,
  AcceptsRacingCreatorsAndKeepsTheFirst,
  ChecksCreatesOnlyAgainstOthersUnderWay,
  ChecksCreateThenWrites,
  ChecksLargeCreatesThenWrites,
  CreatesNothing,
  AcknowledgesTheWrongCreator,
  IgnoresSwap,
  ChecksSwapsOnlyAgainstOthersUnderWay,
  SwapsWhatIsAbsent,
  RefusesAndWrites,
  ChecksSwapThenWrites,
  ChecksLargeSwapsThenWrites,
  TellsOtherEtags,
  IgnoresConditionsOfDeletions,
  ChecksDeletionThenDeletes,
  TellsEtagsOfContents,
  ListsLate,
  ListsWhatIsDeleted,
  ListsFoldersFirst,
  ForgetsTheSecondPage,
  IgnoresRanges,
  ReadsRangesOneOff,
]

describe('refuses a store that', () => {
  test.each(CHEATS.map((Cheat) => [Cheat.name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).trim(), Cheat] as const))(
    '%s',
    async (_, Cheat) => {
      const store = new Cheat()
      await expect(probe(store, { rounds })).rejects.toMatchObject({ kind: 'unsupported', code: 'STORE_UNSUPPORTED' })
      expect(await MemoryStore.prototype.list.call(store, { prefix: '' })).toEqual({ entries: [] })
    },
  )
})

test('small bodies alone do not find those who cheat with large ones', async () => {
  // Else the two cheats above would be found for another reason than the one they stand for.
  for (const store of [new ChecksLargeCreatesThenWrites(), new ChecksLargeSwapsThenWrites()]) {
    await probe(store, { rounds: [{ bodyBytes: 10, count: 5 }] })
  }
})

test('passes an honest store and leaves nothing behind', async () => {
  const store = new MemoryStore()
  await store.put('mine', new Uint8Array(1))
  await probe(store, { rounds, scratch: 'scratch' })
  expect((await store.list({ prefix: '' })).entries.map(({ key }) => key)).toEqual(['mine'])
})

test('what a store does not promise, it may not keep', async () => {
  const capabilities = { ...new MemoryStore().capabilities, uniqueEtags: false, orderedListing: false }
  for (const store of [new TellsEtagsOfContents(), new ListsFoldersFirst()]) {
    await probe(Object.assign(store, { capabilities }), { rounds })
  }
})

test('asks only for what the store says it can do, with bodies that it takes', async () => {
  await probe(new MemoryStore({ without: ['create', 'compareAndSwap', 'conditionalDelete'] }), { rounds, needs: [] })
  await probe(new MemoryStore({ objectBytesMax: LARGE - 1 }), { rounds })
})

test.each(['create', 'compareAndSwap', 'conditionalDelete'] as const)(
  'a store without %s is refused where it is needed',
  async (condition) => {
    const store = new MemoryStore({ without: [condition] })
    const needed = { code: 'STORE_UNSUPPORTED', message: expect.stringContaining(condition) }
    await expect(probe(store, { rounds, needs: [condition] })).rejects.toMatchObject(needed)
    await probe(store, { rounds, needs: [] })
    // Nobody who asks for nothing in particular can go on without the first two.
    if (condition === 'conditionalDelete') await probe(store, { rounds })
    else await expect(probe(store, { rounds })).rejects.toMatchObject(needed)
  },
)

test('losers may be told nothing certain', async () => {
  class Vague extends MemoryStore {
    override async create(key: string, body: Uint8Array): Promise<WriteResult> {
      const isFirst = (await this.head(key)) === undefined
      try {
        const result = await super.create(key, body)
        if (key.endsWith('0') || isFirst) return result
      } catch (error) {
        // The plain test of a conflict has to stay one.
        if (key.endsWith('/0')) throw error
      }
      throw new StoreError('STORE_OUTCOME_UNKNOWN', 'reply lost')
    }
  }
  await probe(new Vague(), { rounds })
})

test('a store that tells nobody anything certain is no pass', async () => {
  class Disturbed extends MemoryStore {
    override async create(key: string, body: Uint8Array): Promise<WriteResult> {
      const result = await super.create(key, body)
      if (key.endsWith('/0')) return result
      throw new StoreError('STORE_OUTCOME_UNKNOWN', 'reply lost')
    }
  }
  await expect(probe(new Disturbed(), { rounds })).rejects.toMatchObject({ kind: 'unavailable', code: 'STORE_UNAVAILABLE' })
})

test('failures of the store pass through, and a signal stops the probe', async () => {
  class Denied extends MemoryStore {
    override create(): Promise<WriteResult> {
      return Promise.reject(new StoreError('STORE_DENIED', 'no'))
    }
  }
  await expect(probe(new Denied(), { rounds })).rejects.toMatchObject({ kind: 'denied' })
  class FullInRaces extends MemoryStore {
    override create(key: string, body: Uint8Array): Promise<WriteResult> {
      return key.endsWith('/0') ? super.create(key, body) : Promise.reject(new StoreError('STORE_FULL', 'full'))
    }
  }
  await expect(probe(new FullInRaces(), { rounds })).rejects.toMatchObject({ code: 'STORE_FULL' })
  await expect(probe(new MemoryStore(), { signal: AbortSignal.abort() })).rejects.toMatchObject({ kind: 'aborted' })
})

test.each<ProbeOptions>([
  { racers: 0 },
  { racers: 1 },
  { racers: 2.5 },
  { rounds: [] },
  { needs: ['swap' as 'create'] },
  { rounds: [{ bodyBytes: 0, count: 1 }] },
  { rounds: [{ bodyBytes: 1, count: 0 }] },
  { rounds: [{ bodyBytes: 1, count: Number.NaN }] },
])('races that would prove nothing are refused, and say nothing of the store: %o', async (options) => {
  const store = new MemoryStore()
  await expect(probe(store, options)).rejects.toMatchObject({ code: 'STORE_ARGUMENT' })
})
