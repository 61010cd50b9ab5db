import type { Transport } from '@connectrpc/connect'
import { commitAnswerToWire, type PullAnswer, pullAnswerToWire, snapshotToWire } from '@graft-ts/protocol'
import { Splinter } from '@graft-ts/splinter'
import { idToBytes, newCommitId, type Snapshot } from '@graft-ts/volume'
import { describe, expect, test } from 'vitest'
import { WireChecker } from '../../src/checkers/wire-checker.ts'
import { encodePage } from '../../src/model/page-content.ts'
import { Tally } from '../../src/tally.ts'
import { History } from '../histories.ts'

const page = (stamp: number) => ({ stamp, value: stamp })

/** A server that says whatever it is told to say. */
function open(mayBeStale = false) {
  const history = new History()
  history.commit({ 20: page(1), 30: page(1) })
  history.commit({ 21: page(2) }, { floor: 25, pageCount: 25 })
  const found: string[] = []
  const checker = new WireChecker({
    volumes: history.volumes,
    tally: new Tally(),
    mayBeStale,
    onViolation: (violation) => found.push((violation as Error).message),
  })
  const say = async (name: string, input: object, message: unknown): Promise<string[]> => {
    const answer = async () => {
      if (message instanceof Error) throw message
      return { message }
    }
    const stream = async (...args: unknown[]) => {
      for await (const asked of args[4] as AsyncIterable<unknown>) void asked
      return {
        message: (async function* () {
          yield message
        })(),
      }
    }
    const transport = { unary: answer, stream } as unknown as Transport
    const watched = checker.watch({ meta: transport, pages: transport })
    const asked = { volumeId: idToBytes(history.volume.volumeId), ...input }
    if (name === 'ReadPages') {
      const inputs = (async function* () {
        yield asked
      })()
      const response = await watched.pages.stream({ name } as never, undefined, undefined, undefined, inputs as never)
      for await (const each of response.message) void each
    } else await watched.meta.unary({ name } as never, undefined, undefined, undefined, asked as never).catch(() => undefined)
    return found
  }
  const snapshot = (lsn: number, pageCount = history.model.state(lsn).pageCount): Snapshot => ({
    volumeId: history.volume.volumeId,
    lsn: lsn as never,
    pageCount,
    pageSize: history.volume.pageSize,
    timestampMs: 0,
  })
  const pulled = (lsn: number, pages: readonly number[], floor: number | undefined): PullAnswer => ({
    snapshot: snapshot(lsn),
    changes: { pages: Splinter.from(pages), floor },
  })
  return { history, say, snapshot, pulled }
}

describe('an answer to a pull', () => {
  const pull = async (make: (world: ReturnType<typeof open>) => PullAnswer, mayBeStale = false): Promise<string> => {
    const world = open(mayBeStale)
    return (await world.say('Pull', { since: 0n, atLeast: 0n }, pullAnswerToWire(make(world)))).join()
  }

  test('that says what the log holds is right', async () => {
    expect(await pull(({ pulled }) => pulled(2, [20, 21], 25))).toBe('')
  })

  test('I9: with a page too many or too few, or another floor, is wrong', async () => {
    expect(await pull(({ pulled }) => pulled(2, [20], 25))).toContain('I9')
    expect(await pull(({ pulled }) => pulled(2, [20, 21, 22], 25))).toContain('I9')
    expect(await pull(({ pulled }) => pulled(2, [20, 21], undefined))).toContain('I9')
  })

  test('that is older than the question is wrong, unless it may be', async () => {
    expect(await pull(({ pulled }) => pulled(1, [20, 30], undefined))).toContain('linearizability')
    expect(await pull(({ pulled }) => pulled(1, [20, 30], undefined), true)).toBe('')
  })

  test('I4: with a snapshot that the log does not have is wrong', async () => {
    expect(await pull((world) => ({ ...world.pulled(2, [20, 21], 25), snapshot: world.snapshot(2, 30) }))).toContain('I4')
    expect(await pull((world) => ({ ...world.pulled(2, [20, 21], 25), snapshot: world.snapshot(3, 25) }))).toContain('I3')
  })
})

describe('an answer to a commit', () => {
  test('I3: that acknowledges what is not in the log is wrong', async () => {
    const { say, snapshot, history } = open()
    const asked = { baseLsn: 1n, commitId: idToBytes(newCommitId(history.ids)) }
    const found = await say('Commit', asked, commitAnswerToWire({ type: 'committed', snapshot: snapshot(2) }))
    expect(found.join()).toContain('I3')
  })

  test('I6, I7: that tells of a conflict with itself, or names another commit, is wrong', async () => {
    const conflict = (world: ReturnType<typeof open>, commitIdAfterBase: string) =>
      commitAnswerToWire({ type: 'conflict', ...world.pulled(2, [21], 25), commitIdAfterBase: commitIdAfterBase as never })
    const own = open()
    const ownId = own.history.model.commit(2)?.commitId as string
    const asked = (id: string) => ({ baseLsn: 1n, commitId: idToBytes(id as never) })
    expect((await own.say('Commit', asked(ownId), conflict(own, ownId))).join()).toContain('I6')
    const other = open()
    const otherId = newCommitId(other.history.ids)
    expect((await other.say('Commit', asked(otherId), conflict(other, otherId))).join()).toContain('I7')
  })
})

describe('pages', () => {
  const read = async (pageIndex: number, writtenLsn: number, stamp: number): Promise<string> => {
    const { say, history } = open()
    const data = stamp === 0 ? new Uint8Array(0) : encodePage(page(stamp), { volume: 0, pageIndex }, history.volume.pageSize)
    const message = { pages: Splinter.from([pageIndex]).toBytes(), writtenLsns: [BigInt(writtenLsn)], data }
    return (await say('ReadPages', { lsn: 2n }, message)).join()
  }

  test('that the commit holds are right', async () => {
    expect(await read(20, 1, 1)).toBe('')
    expect(await read(21, 2, 2)).toBe('')
    expect(await read(30, 0, 0)).toBe('')
  })

  test('I4: of another commit, or said to be, are wrong', async () => {
    expect(await read(30, 1, 1)).toContain('I4')
    expect(await read(20, 2, 1)).toContain('I4')
    expect(await read(20, 0, 0)).toContain('I4')
  })
})

test('a snapshot of the past is one of the log', async () => {
  const { say, snapshot } = open()
  expect(await say('GetSnapshot', { lsn: 1n }, snapshotToWire(snapshot(1)))).toEqual([])
  expect((await say('GetSnapshot', { lsn: 1n }, snapshotToWire(snapshot(1, 7)))).join()).toContain('I4')
})

test('I11: a failure is a typed error', async () => {
  const { say } = open()
  expect((await say('Pull', { since: 0n }, new TypeError('x is not a function'))).join()).toContain('I11')
})
