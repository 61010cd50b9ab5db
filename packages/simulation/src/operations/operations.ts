import type { Volume } from '@graft-ts/client'
import { isTypedError, type TypedError } from '@graft-ts/volume'
import { textOf } from '../texts.ts'
import { Violation } from '../violation.ts'
import type { KnownVolume } from '../volumes.ts'
import { Reading } from './reading.ts'
import { codeOf, Session, type SessionOptions } from './session.ts'
import { Writing } from './writing.ts'

/** What a call may cost at most: as many conflicts as a push takes, each with its retries, its uploads and its reads. */
const REQUESTS_MAX = 1_000

/** Errors for which there is no cause in this world, whatever goes wrong: nothing is ever deleted or damaged at rest. */
const NEVER: Readonly<Record<string, string>> = {
  LOCAL_STORE_CORRUPT: 'I12',
  LOCAL_STORE_VERSION: 'I12',
  READ_INCOMPLETE: 'I8',
  REMOTE_ANSWER: 'I11',
  SEGMENT_MISSING: 'I1',
  PAGE_UNLOCATED: 'I3',
  COMMIT_MISSING: 'I3',
  LSN_FUTURE: 'I3',
  VOLUME_UNKNOWN: 'I3',
  SNAPSHOT_CLOSED: 'I4',
}

/** A call of the application. */
export type OperationName =
  | 'transact'
  | 'commit'
  | 'push'
  | 'settle'
  | 'pull'
  | 'audit'
  | 'hold'
  | 'revisit'
  | 'past'
  | 'scan'
  | 'hydrate'
  | 'watch'

const WEIGHTS: readonly (readonly [number, OperationName])[] = [
  [44, 'transact'],
  [17, 'push'],
  [12, 'pull'],
  [8, 'audit'],
  [4, 'hold'],
  [5, 'revisit'],
  [4, 'past'],
  [1, 'scan'],
  [2, 'hydrate'],
  [1, 'watch'],
  [4, 'settle'],
]

type Call = (known: KnownVolume, volume: Volume) => Promise<void>

/** Everything that the application on one client does in one of its lives, and what must come of it. */
export class Operations {
  readonly #session: Session
  readonly #reading: Reading
  readonly #writing: Writing
  readonly #calls: Readonly<Record<OperationName, Call>>

  constructor(options: SessionOptions) {
    this.#session = new Session(options)
    const reading = new Reading(this.#session)
    const writing = new Writing(this.#session)
    this.#reading = reading
    this.#writing = writing
    this.#calls = {
      transact: (known, volume) => writing.transact(known, volume),
      commit: (known, volume) => writing.commit(known, volume),
      push: (known, volume) => writing.push(known, volume),
      settle: (known, volume) => writing.settle(known, volume),
      pull: (known, volume) => reading.pull(known, volume),
      audit: (known, volume) => reading.audit(known, volume),
      hold: (known, volume) => reading.hold(known, volume),
      revisit: () => reading.revisit(),
      past: (known, volume) => reading.past(known, volume),
      scan: (known, volume) => reading.scan(known, volume),
      hydrate: (known, volume) => reading.hydrate(known, volume),
      watch: (known, volume) => reading.watch(known, volume),
    }
  }

  /** What a crash means to those who keep account of a volume. */
  crashed(volume: KnownVolume): void {
    if (this.#session.isResetting(volume)) this.#writing.isDropUncertain(volume)
  }

  /** The application makes no more calls. */
  end(): void {
    this.#reading.end()
  }

  /** Draws a call to make. */
  draw(): readonly [OperationName, KnownVolume] {
    const { random, life } = this.#session
    const known = random.pick([...life.volumes.keys()])
    // Applications decide about a divergence rather sooner than later.
    const isDiverged = life.volumes.get(known)?.status().sync === 'diverged'
    return [isDiverged && random.chance(0.3) ? 'settle' : random.weighted(WEIGHTS), known]
  }

  /** Makes a call. Typed errors are part of life; anything else is a violation. Says whether it ended well. */
  async run(name: OperationName, volume: KnownVolume): Promise<boolean> {
    const { tally, onViolation, life } = this.#session
    const requestsBefore = life.process.requests
    try {
      tally.add(`operations: ${name}`)
      this.#session.note(`${name}, volume ${volume.number}`)
      await this.#calls[name](volume, life.volumes.get(volume) as Volume)
      this.#session.note(`${name} ended`)
      return true
    } catch (error) {
      this.#session.note(`${name} failed, ${codeOf(error) ?? textOf(error)}`)
      if (error instanceof Violation) onViolation(error)
      else if (isTypedError(error)) this.#outcome(name, error)
      else
        onViolation(
          new Violation('I11', `${name} failed with something that is no typed error: ${textOf(error)}`, { cause: error }),
        )
      return false
    } finally {
      this.#checkRequests(name, life.process.requests - requestsBefore)
    }
  }

  /** However long a call is tried, it is not tried for ever; other calls at the same time are counted along. */
  #checkRequests(name: OperationName, requests: number): void {
    this.#session.tally.add('checks: requests of calls')
    if (requests <= REQUESTS_MAX) return
    this.#session.onViolation(new Violation('unbounded', `${name} of ${this.#session.node.name} took ${requests} requests`))
  }

  #outcome(name: OperationName, error: TypedError): void {
    const { tally, onViolation, node } = this.#session
    tally.add(`outcome of ${name}: ${error.code}`)
    if (error.code === 'PUSH_CONTENDED') tally.add('recovery: push gave way to others')
    const meaning = NEVER[error.code] ?? (error.kind === 'invalid' && error.code !== 'MERGE_PAGE' ? 'I11' : undefined)
    if (meaning !== undefined) onViolation(new Violation(meaning, `${name} of ${node.name} failed with ${textOf(error)}`))
  }
}
