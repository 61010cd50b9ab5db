import { StoreError } from './errors.ts'
import type { CallOptions, ObjectStore, StoreCondition } from './object-store.ts'
import { createOnce, deleteOnce, listFresh, readPart, swapBack, swapOnce } from './probe/one-caller.ts'
import { raceCreators, raceDeletion, raceSwaps } from './probe/races.ts'
import { Scratch } from './probe/scratch.ts'

/** Options of {@link probe}. */
export interface ProbeOptions extends CallOptions {
  /**
   * What the caller cannot do without: a store that does not even declare it is refused, before anything is sent. Default:
   * `create` and `compareAndSwap`.
   */
  readonly needs?: readonly StoreCondition[] | undefined
  /** Where scratch objects are put, and removed from in the end; default `probe/` and a random name. */
  readonly scratch?: string | undefined
  /** How many callers race, at least 2; default 6. */
  readonly racers?: number | undefined
  /**
   * How often each race runs, by the length of the bodies; default 20 times with 64 bytes, 3 times with 7 MiB: some
   * servers check and write in one step only for bodies that they take up at once. Longer ones than
   * the store takes are left out; there must be one round, and each body has a byte. Sends a quarter of a gigabyte by default.
   */
  readonly rounds?: readonly { readonly bodyBytes: number; readonly count: number }[] | undefined
}

const CONDITIONS: readonly StoreCondition[] = ['create', 'compareAndSwap', 'conditionalDelete']
const NEEDS_DEFAULT: readonly StoreCondition[] = ['create', 'compareAndSwap']
const ROUNDS_DEFAULT = [
  { bodyBytes: 64, count: 20 },
  { bodyBytes: 7 * 1024 * 1024, count: 3 },
]

/**
 * Finds out whether a store does what its capabilities say, by real races on scratch objects. Some servers answer a
 * conditional write as if they had checked the condition and have not, or check it and write later; some list late, or
 * answer a read of a part with the whole. Run it once where a store is set up or a server starts; it is no proof, but each
 * known kind of cheating fails it.
 *
 * @throws {@link StoreError} `STORE_UNSUPPORTED` if a condition is not kept, or needed and not declared; `STORE_UNAVAILABLE` if the store was too
 * disturbed to tell; `STORE_ARGUMENT` if an option is not in its range. Failures of the store itself pass through.
 */
export async function probe(store: ObjectStore, options: ProbeOptions = {}): Promise<void> {
  const { needs = NEEDS_DEFAULT, racers = 6, rounds = ROUNDS_DEFAULT, signal } = options
  checkRaces(racers, rounds)
  checkNeeds(needs, store)
  const prefix = options.scratch ?? `probe/${crypto.randomUUID()}`
  const scratch = new Scratch(store, prefix, signal)
  try {
    await checkOneCaller(scratch)
    for (const { bodyBytes, count } of rounds) {
      if (bodyBytes > store.capabilities.objectBytesMax) continue
      for (let round = 0; round < count; round++) await raceOnce(scratch, { racers, bodyBytes })
    }
  } catch (error) {
    // What went wrong first counts.
    await scratch.cleanUp().catch(() => undefined)
    throw error
  }
  await scratch.cleanUp()
}

/** Refuses races in which nobody meets anybody: a store would pass, or fail, for nothing that it does. */
function checkRaces(racers: number, rounds: NonNullable<ProbeOptions['rounds']>): void {
  const isRound = ({ bodyBytes, count }: (typeof rounds)[number]): boolean => isCount(bodyBytes, 1) && isCount(count, 1)
  if (isCount(racers, 2) && rounds.length > 0 && rounds.every(isRound)) return
  const what = `racers=${racers} rounds=${JSON.stringify(rounds)}`
  throw new StoreError('STORE_ARGUMENT', `a probe needs two racers, and rounds with bodies, ${what}`)
}

function checkNeeds(needs: readonly StoreCondition[], { capabilities }: ObjectStore): void {
  for (const condition of needs) {
    if (!CONDITIONS.includes(condition)) {
      throw new StoreError('STORE_ARGUMENT', `a probe knows ${CONDITIONS.join(', ')}, needs=${JSON.stringify(condition)}`)
    }
    if (!capabilities[condition]) {
      throw new StoreError('STORE_UNSUPPORTED', `the store does not say that it can do what is needed, needs=${condition}`)
    }
  }
}

function isCount(value: number, min: number): boolean {
  return Number.isSafeInteger(value) && value >= min
}

async function checkOneCaller(scratch: Scratch): Promise<void> {
  const { create, compareAndSwap, conditionalDelete, uniqueEtags } = scratch.store.capabilities
  // Conditions first: what is wrong with them is what matters most.
  if (create) await createOnce(scratch)
  if (compareAndSwap) await swapOnce(scratch)
  if (compareAndSwap && uniqueEtags) await swapBack(scratch)
  if (conditionalDelete) await deleteOnce(scratch)
  await listFresh(scratch)
  await readPart(scratch)
}

async function raceOnce(scratch: Scratch, options: { readonly racers: number; readonly bodyBytes: number }): Promise<void> {
  const { create, compareAndSwap, conditionalDelete } = scratch.store.capabilities
  if (create) await raceCreators(scratch, options)
  if (compareAndSwap) await raceSwaps(scratch, options)
  if (compareAndSwap && conditionalDelete) await raceDeletion(scratch, options)
}
