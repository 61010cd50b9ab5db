import { isStoreError, StoreError, type StoreErrorKind } from './errors.ts'
import type { CallOptions, ObjectStore, StoredObject } from './object-store.ts'

/** Options of {@link probe}. */
export interface ProbeOptions extends CallOptions {
  /** Where scratch objects are put, and removed from in the end; default `probe/` and a random name. */
  readonly scratch?: string | undefined
  /** How many callers race; default 6. */
  readonly racers?: number | undefined
  /**
   * How often each race runs, by the length of the bodies; default 20 times with 64 bytes, 3 times with 7 MiB: some
   * servers check and write in one step only for bodies that they take up at once. Longer ones than
   * the store takes are left out. Sends a quarter of a gigabyte by default.
   */
  readonly rounds?: readonly { readonly bodyBytes: number; readonly count: number }[] | undefined
}

const ROUNDS_DEFAULT = [
  { bodyBytes: 64, count: 20 },
  { bodyBytes: 7 * 1024 * 1024, count: 3 },
]

/**
 * Finds out whether a store does what its capabilities say, by real races on scratch objects. Some servers answer a
 * conditional write as if they had checked the condition and have not, or check it and write later. Run it once where a
 * store is set up or a server starts; it is no proof, but each known kind of cheating fails it.
 *
 * @throws {@link StoreError} `STORE_UNSUPPORTED` if a condition is not kept; `STORE_UNAVAILABLE` if the store was too
 * disturbed to tell. Failures of the store itself pass through.
 */
export async function probe(store: ObjectStore, options: ProbeOptions = {}): Promise<void> {
  const { racers = 6, rounds = ROUNDS_DEFAULT, scratch = `probe/${crypto.randomUUID()}`, signal } = options
  const run = new Probe(store, scratch, racers, signal)
  try {
    await runAll(run, store, rounds)
  } catch (error) {
    // What went wrong first counts.
    await run.cleanUp().catch(() => undefined)
    throw error
  }
  await run.cleanUp()
}

async function runAll(run: Probe, store: ObjectStore, rounds: NonNullable<ProbeOptions['rounds']>): Promise<void> {
  const { create, compareAndSwap, conditionalDelete, objectBytesMax } = store.capabilities
  if (create) await run.createOnce()
  if (compareAndSwap) await run.swapOnce()
  if (conditionalDelete) await run.deleteOnce()
  for (const { bodyBytes, count } of rounds) {
    for (let round = 0; round < count && bodyBytes <= objectBytesMax; round++) {
      if (create) await run.raceCreators(bodyBytes)
      if (compareAndSwap) await run.raceSwaps(bodyBytes)
    }
  }
}

// How often a race is run until it has a winner.
const ATTEMPTS_MAX = 5

type Outcome = StoreErrorKind | 'done'
type Write = (body: Uint8Array) => Promise<unknown>

class Probe {
  readonly #store: ObjectStore
  readonly #scratch: string
  readonly #racers: number
  readonly #options: CallOptions
  readonly #keys: string[] = []

  constructor(store: ObjectStore, scratch: string, racers: number, signal: AbortSignal | undefined) {
    this.#store = store
    this.#scratch = scratch
    this.#racers = racers
    this.#options = { signal }
  }

  async createOnce(): Promise<void> {
    const key = this.#newKey()
    await this.#store.create(key, bodyOf(1, 1), this.#options)
    await this.#expectConflict('create of a present object', this.#store.create(key, bodyOf(2, 1), this.#options))
    await this.#expectVersion('create of a present object', key, 1)
  }

  async swapOnce(): Promise<void> {
    const key = this.#newKey()
    const first = await this.#store.put(key, bodyOf(1, 1), this.#options)
    const second = await this.#store.compareAndSwap(key, bodyOf(2, 1), { ...this.#options, etag: first.etag })
    const stale = { ...this.#options, etag: first.etag }
    await this.#expectConflict('swap of an old version', this.#store.compareAndSwap(key, bodyOf(3, 1), stale))
    const found = await this.#expectVersion('swap of an old version', key, 2)
    if (found.etag !== second.etag) throw refusal('etags differ between a write and a read of the same version')
    const other = this.#newKey()
    await this.#expectConflict('swap of an absent object', this.#store.compareAndSwap(other, bodyOf(1, 1), stale))
    if ((await this.#store.head(other, this.#options)) !== undefined) throw refusal('swap of an absent object has written it')
  }

  async deleteOnce(): Promise<void> {
    const key = this.#newKey()
    const first = await this.#store.put(key, bodyOf(1, 1), this.#options)
    await this.#store.put(key, bodyOf(2, 1), this.#options)
    const stale = { ...this.#options, etag: first.etag }
    await this.#expectConflict('deletion of an old version', this.#store.delete(key, stale))
    await this.#expectVersion('deletion of an old version', key, 2)
  }

  async raceCreators(bodyBytes: number): Promise<void> {
    await this.#raceUntilWon('create', bodyBytes, async (key) => {
      return (body) => this.#store.create(key, body, this.#options)
    })
  }

  async raceSwaps(bodyBytes: number): Promise<void> {
    await this.#raceUntilWon('swap', bodyBytes, async (key) => {
      const { etag } = await this.#store.put(key, bodyOf(0, 1), this.#options)
      return (body) => this.#store.compareAndSwap(key, body, { ...this.#options, etag })
    })
  }

  async cleanUp(): Promise<void> {
    // Whatever the signal says: a probe leaves nothing behind that it can remove.
    await this.#store.deleteMany(this.#keys)
  }

  #newKey(): string {
    const key = `${this.#scratch}/${this.#keys.length}`
    this.#keys.push(key)
    return key
  }

  /** Races until somebody is told that it won: other races prove nothing. */
  async #raceUntilWon(what: string, bodyBytes: number, prepare: (key: string) => Promise<Write>): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const key = this.#newKey()
      if (await this.#race(`${what} with ${bodyBytes} bytes`, key, bodyBytes, await prepare(key))) return
    }
    throw inconclusive(`nobody won the races of ${what}`)
  }

  /** At most one may be told that it won, and the object then has to hold what that one wrote. */
  async #race(what: string, key: string, bodyBytes: number, write: Write): Promise<boolean> {
    const bodies = Array.from({ length: this.#racers }, (_, racer) => bodyOf(racer + 1, bodyBytes))
    const outcomes = await Promise.all(bodies.map((body) => outcomeOf(write(body))))
    const winners = outcomes.flatMap((outcome, racer) => (outcome === 'done' ? [racer + 1] : []))
    const text = `${what}: ${outcomes.join(' ')}`
    if (winners.length > 1) throw refusal(`several writers won, ${text}`)
    if (outcomes.every((outcome) => outcome === 'conflict')) throw refusal(`nobody won, ${text}`)
    if (winners[0] !== undefined) await this.#expectVersion(text, key, winners[0])
    return winners[0] !== undefined
  }

  async #expectConflict(what: string, call: Promise<unknown>): Promise<void> {
    const outcome = await outcomeOf(call)
    if (outcome === 'done') throw refusal(`${what} succeeded`)
    if (outcome !== 'conflict') throw inconclusive(`${what} was ${outcome}`)
  }

  async #expectVersion(what: string, key: string, writer: number): Promise<StoredObject> {
    const found = await this.#store.get(key, this.#options)
    if (found === undefined) throw refusal(`the object is gone after ${what}`)
    const isWhole = found.bytes.byteLength > 0 && found.bytes.every((byte) => byte === writer)
    if (!isWhole) throw refusal(`the object is not the winner's after ${what}`)
    return found
  }
}

/** Bytes that all tell the writer, from 1, or the start, 0. */
function bodyOf(writer: number, length: number): Uint8Array {
  return new Uint8Array(length).fill(writer)
}

async function outcomeOf(call: Promise<unknown>): Promise<Outcome> {
  try {
    await call
    return 'done'
  } catch (error) {
    if (!isStoreError(error) || !isLoss(error)) throw error
    return error.kind
  }
}

/** Whether a loser may be told this: that it lost, or nothing certain. A full disk is no loss. */
function isLoss({ kind, code }: StoreError): boolean {
  return kind === 'conflict' || kind === 'unavailable' || kind === 'unknown' || code === 'STORE_THROTTLED'
}

function inconclusive(what: string): StoreError {
  return new StoreError('STORE_UNAVAILABLE', `the probe is not conclusive: ${what}`)
}

function refusal(what: string): StoreError {
  return new StoreError('STORE_UNSUPPORTED', `the store does not keep its conditions: ${what}`)
}
