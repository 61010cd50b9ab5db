import { isStoreError } from '../errors.ts'
import type { ObjectStore } from '../object-store.ts'
import { type CheckGroup, equal, ok, type Trial, utf8 } from './trial.ts'

/** A writer that appends to a log of objects, one record a number, and resolves what it is not told. */
class LogWriter {
  readonly #store: ObjectStore
  readonly #name: string
  /** Records that were stopped before they had an effect, as the store said. */
  readonly stopped: string[] = []
  /** Records that are in the log. */
  readonly appended: string[] = []
  #position = 0
  #attempts = 0

  constructor(store: ObjectStore, name: string) {
    this.#store = store
    this.#name = name
  }

  /**
   * Appends one record, whatever it takes.
   *
   * @param stopAfter After so many turns of the event queue the first attempt is given up; never if `undefined`.
   */
  async append(stopAfter: number | undefined): Promise<void> {
    let record = this.#newRecord()
    let signal = stopAfter === undefined ? undefined : stopLater(stopAfter)
    for (let attempt = 0; attempt < 10_000; attempt++) {
      const outcome = await this.#create(record, signal)
      // Only the first attempt is stopped: this one is to end.
      signal = undefined
      if (outcome === 'aborted') {
        this.stopped.push(record)
        record = this.#newRecord()
      } else if (outcome === 'done' || (outcome !== 'failed' && (await this.#isOurs(record)))) {
        this.#position++
        this.appended.push(record)
        return
      }
    }
    throw new Error('a writer never came through')
  }

  #newRecord(): string {
    return `${this.#name}-${this.#attempts++}`
  }

  async #create(record: string, signal: AbortSignal | undefined): Promise<'done' | 'aborted' | 'look' | 'failed'> {
    try {
      await this.#store.create(`log/${this.#position}`, utf8(record), { signal })
      return 'done'
    } catch (error) {
      if (!isStoreError(error)) throw error
      // The object of a conflict may be an earlier attempt's own.
      if (error.kind === 'conflict' || error.kind === 'unknown') return 'look'
      if (error.kind === 'aborted') return 'aborted'
      if (error.kind === 'unavailable' || error.kind === 'exhausted') return 'failed'
      throw error
    }
  }

  /** Looks who has the place; goes to the next one if it is somebody else. */
  async #isOurs(record: string): Promise<boolean> {
    const found = await this.#store.get(`log/${this.#position}`)
    // Still absent: undecided. The same record is sent again, to the same place, so that one of the two decides.
    if (found === undefined) return false
    if (new TextDecoder().decode(found.bytes) === record) return true
    this.#position++
    return false
  }
}

function stopLater(turns: number): AbortSignal {
  const controller = new AbortController()
  const stop = async (): Promise<void> => {
    for (let turn = 0; turn < turns; turn++) await Promise.resolve()
    controller.abort()
  }
  void stop()
  return controller.signal
}

async function readLog(store: ObjectStore): Promise<string[]> {
  const records: string[] = []
  for (;;) {
    const found = await store.get(`log/${records.length}`)
    if (found === undefined) return records
    records.push(new TextDecoder().decode(found.bytes))
  }
}

// Each writer visits every record, so the work grows with the square of what is written.
const RECORDS_MAX = 10

async function appendAll(trial: Trial, stopAfter: (turn: number) => number | undefined): Promise<void> {
  const writers = Array.from({ length: trial.racers }, (_, index) => {
    return new LogWriter(index % 2 === 0 ? trial.store : trial.peer, `writer${index}`)
  })
  const records = Math.min(trial.rounds, RECORDS_MAX)
  await Promise.all(
    writers.map(async (writer) => {
      for (let turn = 0; turn < records; turn++) await writer.append(stopAfter(turn))
    }),
  )
  const log = await readLog(trial.peer)
  equal(log.length, trial.racers * records, 'records in the log')
  equal(new Set(log).size, log.length, 'different records in the log')
  for (const { appended, stopped } of writers) {
    for (const record of appended) ok(log.includes(record), `an acknowledged record is not in the log: ${record}`)
    for (const record of stopped) ok(!log.includes(record), `a write that was stopped before its effect had one: ${record}`)
  }
}

/** That callers can find out what happened, in the way that the contract says. */
export const unknownOutcomeChecks: CheckGroup = {
  name: 'unknown outcomes',
  checks: [
    {
      name: 'writers that read back what they were not told have each effect exactly once',
      run: async (trial) => {
        if (trial.store.capabilities.create) await appendAll(trial, () => undefined)
      },
    },
    {
      name: 'writes that are stopped on their way have an effect, or none for ever, or can be resolved',
      run: async (trial) => {
        if (trial.store.capabilities.create) await appendAll(trial, (turn) => (turn % 3 === 2 ? undefined : turn * 2))
      },
    },
  ],
}
