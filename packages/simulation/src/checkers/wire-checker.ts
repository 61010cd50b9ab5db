import type { Transport } from '@connectrpc/connect'
import {
  commitAnswerFromWire,
  type GraftTransport,
  type PullAnswer,
  pullAnswerFromWire,
  type ReadPagesResponse,
  readPagesFromWire,
  snapshotFromWire,
} from '@graft-ts/protocol'
import { type CommitId, commitIdFromBytes, isTypedError, type Snapshot, volumeIdFromBytes } from '@graft-ts/volume'
import { decodePage } from '../model/page-content.ts'
import type { Tally } from '../tally.ts'
import { textOf } from '../texts.ts'
import { mustHold, Violation } from '../violation.ts'
import type { KnownVolume, Volumes } from '../volumes.ts'

/** What a wire checker works with. */
export interface WireCheckerOptions {
  readonly volumes: Volumes
  readonly tally: Tally
  /** Whether servers may answer pulls with a head that they have known for a while. */
  readonly mayBeStale: boolean
  readonly onViolation: (violation: unknown) => void
}

interface Asked {
  readonly volumeId: Uint8Array
  readonly since?: bigint
  readonly atLeast?: bigint
  readonly lsn?: bigint
  readonly baseLsn?: bigint
  readonly commitId?: Uint8Array
}

/** Looks at every answer that a server gives: is it what the log holds? */
export class WireChecker {
  readonly #options: WireCheckerOptions

  constructor(options: WireCheckerOptions) {
    this.#options = options
  }

  /** The same transport, watched. */
  watch(transport: GraftTransport): GraftTransport {
    return { meta: this.#watched(transport.meta), pages: this.#watched(transport.pages) }
  }

  #watched(inner: Transport): Transport {
    const unary = async (...args: Parameters<Transport['unary']>) => {
      const [method, , , , input] = args
      const asked = input as unknown as Asked
      const volume = asked.volumeId === undefined ? undefined : this.#volumeOf(asked)
      const headBefore = volume?.model.head ?? 0
      const response = await inner.unary(...args).catch((error: unknown) => this.#failed(method.name, error))
      if (volume !== undefined) this.#try(() => this.#check(method.name, volume, asked, response.message, headBefore))
      return response
    }
    const stream = async (...args: Parameters<Transport['stream']>) => {
      const [method, , , , input] = args
      const inputs: Asked[] = []
      const noted = (async function* () {
        for await (const message of input) {
          inputs.push(message as unknown as Asked)
          yield message
        }
      })()
      args[4] = noted
      const response = await inner.stream(...args).catch((error: unknown) => this.#failed(method.name, error))
      return { ...response, message: this.#messages(method.name, inputs, response.message) }
    }
    return { unary, stream } as unknown as Transport
  }

  async *#messages<T>(method: string, inputs: readonly Asked[], messages: AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
    try {
      for await (const message of messages) {
        const [asked] = inputs
        if (method === 'ReadPages' && asked !== undefined) this.#try(() => this.#checkPages(asked, message as ReadPagesResponse))
        yield message
      }
    } catch (error) {
      this.#failed(method, error)
    }
  }

  /** I11: whatever goes wrong is a typed error. */
  #failed(method: string, error: unknown): never {
    this.#try(() =>
      mustHold(isTypedError(error), 'I11', () => `${method} failed with something that is no typed error: ${textOf(error)}`),
    )
    if (isTypedError(error)) this.#options.tally.add(`answer to ${method}: ${error.code}`)
    throw error
  }

  #check(method: string, volume: KnownVolume, asked: Asked, message: object, headBefore: number): void {
    if (method === 'Pull') this.#checkPull(volume, asked, pullAnswerFromWire(message as never), headBefore)
    else if (method === 'Commit') this.#checkCommit(volume, asked, message, headBefore)
    else if (method === 'GetSnapshot') checkSnapshot(volume, snapshotFromWire(message as never))
    else return
    this.#options.tally.add(`checks: answers to ${method}`)
  }

  #checkPull(volume: KnownVolume, asked: Asked, answer: PullAnswer, headBefore: number): void {
    const { lsn } = answer.snapshot
    checkSnapshot(volume, answer.snapshot)
    const least = Math.max(Number(asked.since ?? 0n), Number(asked.atLeast ?? 0n), this.#options.mayBeStale ? 0 : headBefore)
    mustHold(lsn >= least, 'linearizability', () => `a pull was answered with ${lsn}, when the head was ${headBefore} already`)
    checkChanges(volume, Number(asked.since ?? 0n), answer)
  }

  #checkCommit(volume: KnownVolume, asked: Asked, message: object, headBefore: number): void {
    const answer = commitAnswerFromWire(message as never)
    const base = Number(asked.baseLsn)
    const commitId = commitIdFromBytes(asked.commitId as Uint8Array)
    checkSnapshot(volume, answer.snapshot)
    const next: CommitId | undefined = volume.model.commit(base + 1)?.commitId
    if (answer.type === 'committed') {
      // It was there before this answer was asked for: an earlier request had made it.
      if (headBefore > base) this.#options.tally.add('recovery: own commit found again')
      mustHold(
        answer.snapshot.lsn === base + 1 && next === commitId,
        'I3',
        () => `a commit was acknowledged that is not in the log, lsn=${base + 1}`,
      )
      return
    }
    mustHold(next !== commitId, 'I6', () => `a commit that is in the log was answered with a conflict, lsn=${base + 1}`)
    mustHold(answer.commitIdAfterBase === next, 'I7', () => `a conflict names another commit than the one after the base ${base}`)
    checkChanges(volume, base, answer)
    this.#options.tally.add('recovery: conflict answered')
  }

  #checkPages(asked: Asked, message: ReadPagesResponse): void {
    const volume = this.#volumeOf(asked)
    const lsn = Number(asked.lsn)
    for (const { pageIndex, writtenLsn, bytes } of readPagesFromWire(message, volume.pageSize)) {
      const expected = volume.model.page(lsn, pageIndex)
      const place = { volume: volume.number, pageIndex }
      const content = bytes === undefined ? { stamp: 0, value: 0 } : decodePage(bytes, place, `a page store at ${lsn}`)
      mustHold(
        content.stamp === expected.stamp && content.value === expected.value,
        'I4',
        () => `a page store gave page ${pageIndex} at ${lsn} with stamp ${content.stamp}, expected ${expected.stamp}`,
      )
      mustHold(
        writtenLsn === expected.lsn,
        'I4',
        () => `a page store says that page ${pageIndex} at ${lsn} is of ${writtenLsn}, expected ${expected.lsn}`,
      )
    }
    this.#options.tally.add('checks: answers to ReadPages')
  }

  #volumeOf(asked: Asked): KnownVolume {
    return this.#options.volumes.byId(volumeIdFromBytes(asked.volumeId))
  }

  #try(check: () => void): void {
    try {
      check()
    } catch (violation) {
      const isViolation = violation instanceof Violation
      this.#options.onViolation(
        isViolation ? violation : new Violation('I11', `an answer cannot be read: ${textOf(violation)}`, { cause: violation }),
      )
    }
  }
}

/** A snapshot must be one of the log. */
function checkSnapshot(volume: KnownVolume, { lsn, pageCount, pageSize }: Snapshot): void {
  mustHold(lsn <= volume.model.head, 'I3', () => `there is no commit ${lsn}, the head is ${volume.model.head}`)
  const state = volume.model.state(lsn)
  mustHold(
    pageCount === state.pageCount && pageSize === volume.pageSize,
    'I4',
    () => `the snapshot at ${lsn} has ${pageCount} pages, expected ${state.pageCount}`,
  )
}

/** I9: what an answer says has changed is what the commits changed. */
function checkChanges(volume: KnownVolume, since: number, { snapshot, changes }: Pick<PullAnswer, 'snapshot' | 'changes'>): void {
  const expected = volume.model.changes(since, snapshot.lsn)
  const range = `(${since}, ${snapshot.lsn}]`
  mustHold(changes.floor === expected.floor, 'I9', () => `the floor of ${range} is ${changes.floor}, expected ${expected.floor}`)
  mustHold(
    changes.pages.size === expected.pages.size && [...changes.pages].every((page) => expected.pages.has(page)),
    'I9',
    () =>
      `what changed in ${range} is ${[...changes.pages].join(' ')}, expected ${[...expected.pages].sort((a, b) => a - b).join(' ')}`,
  )
}
