import type { Outcome, Scratch } from './scratch.ts'
import { bodyOf, inconclusive, outcomeOf, refusal } from './scratch.ts'

// How often a race is run until it has a winner.
const ATTEMPTS_MAX = 5

type Write = (body: Uint8Array) => Promise<unknown>

/** How a race is run. */
export interface RaceOptions {
  readonly racers: number
  readonly bodyBytes: number
}

/** Of several creators one wins. */
export async function raceCreators(scratch: Scratch, options: RaceOptions): Promise<void> {
  await raceUntilWon(scratch, 'create', options, async (key) => {
    return (body) => scratch.store.create(key, body, scratch.options)
  })
}

/** Of several swaps of one version one wins. */
export async function raceSwaps(scratch: Scratch, options: RaceOptions): Promise<void> {
  await raceUntilWon(scratch, 'swap', options, async (key) => {
    const { etag } = await scratch.store.put(key, bodyOf(0, 1), scratch.options)
    return (body) => scratch.store.compareAndSwap(key, body, { ...scratch.options, etag })
  })
}

/** Of a swap and a conditional deletion of one version one wins, whichever is sent first. */
export async function raceDeletion(scratch: Scratch, { bodyBytes }: RaceOptions): Promise<void> {
  const { store, options } = scratch
  for (const isSwapFirst of [true, false]) {
    const key = scratch.newKey()
    const { etag } = await store.put(key, bodyOf(0, 1), options)
    const swap = (): Promise<Outcome> => outcomeOf(store.compareAndSwap(key, bodyOf(1, bodyBytes), { ...options, etag }))
    const deletion = (): Promise<Outcome> => outcomeOf(store.delete(key, { ...options, etag }))
    const [first, second] = await Promise.all(isSwapFirst ? [swap(), deletion()] : [deletion(), swap()])
    const [swapped, deleted] = isSwapFirst ? [first, second] : [second, first]
    const what = `a swap (${swapped}) and a deletion (${deleted}) with ${bodyBytes} bytes`
    if (swapped === 'done' && deleted === 'done') throw refusal(`both won, ${what}`)
    if (swapped === 'conflict' && deleted === 'conflict') throw refusal(`nobody won, ${what}`)
    if (swapped === 'done') await scratch.expectVersion(what, key, 1)
    if (deleted === 'done') await scratch.expectAbsent(what, key)
  }
}

/** Races until somebody is told that it won: other races prove nothing. */
async function raceUntilWon(
  scratch: Scratch,
  what: string,
  options: RaceOptions,
  prepare: (key: string) => Promise<Write>,
): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const key = scratch.newKey()
    if (await race(scratch, `${what} with ${options.bodyBytes} bytes`, key, options, await prepare(key))) return
  }
  throw inconclusive(`nobody won the races of ${what}`)
}

/** At most one may be told that it won, and the object then has to hold what that one wrote. */
async function race(
  scratch: Scratch,
  what: string,
  key: string,
  { racers, bodyBytes }: RaceOptions,
  write: Write,
): Promise<boolean> {
  const bodies = Array.from({ length: racers }, (_, racer) => bodyOf(racer + 1, bodyBytes))
  const outcomes = await Promise.all(bodies.map((body) => outcomeOf(write(body))))
  const winners = outcomes.flatMap((outcome, racer) => (outcome === 'done' ? [racer + 1] : []))
  const text = `${what}: ${outcomes.join(' ')}`
  if (winners.length > 1) throw refusal(`several writers won, ${text}`)
  if (outcomes.every((outcome) => outcome === 'conflict')) throw refusal(`nobody won, ${text}`)
  if (winners[0] !== undefined) await scratch.expectVersion(text, key, winners[0])
  return winners[0] !== undefined
}
