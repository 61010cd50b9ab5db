import { Splinter } from '@graft-ts/splinter'
import { idToBytes, newVolumeId } from '@graft-ts/volume'
import { describe, expect, test } from 'vitest'
import { headStamps, openWorld, outcomeOf, PAGE_SIZE, page, pushedVolume, stampOf, type World, write } from './harness.ts'

interface SnapshotMessage {
  volumeId: Uint8Array
  lsn: bigint
}

interface Answer {
  snapshot: SnapshotMessage
  outcome: { value: { snapshot: SnapshotMessage; commitIdAfterBase: Uint8Array } }
  inlineBytesMax?: number
  pages: Uint8Array
  writtenLsns: bigint[]
  lsn: bigint
  volumeId: Uint8Array
}

interface AnyTransport {
  unary: (...args: unknown[]) => Promise<{ message: Answer }>
  stream: (...args: unknown[]) => Promise<{ message: AsyncIterable<Answer> }>
}

/** Changes the answers of one method. */
function tamper(world: World, method: string, change: (answer: Answer) => void): void {
  for (const transport of [world.transport.meta, world.transport.pages] as unknown as AnyTransport[]) {
    const { unary, stream } = transport
    transport.unary = async (...args) => {
      const answer = await unary(...args)
      if ((args[0] as { name: string }).name === method) change(answer.message)
      return answer
    }
    transport.stream = async (...args) => {
      const answer = await stream(...args)
      const messages = answer.message
      async function* changed(): AsyncGenerator<Answer> {
        for await (const message of messages) {
          change(message)
          yield message
        }
      }
      return (args[0] as { name: string }).name === method ? { ...answer, message: changed() } : answer
    }
  }
}

/** A client, and a volume that others push to as well. */
async function behind() {
  const world = openWorld()
  const volume = await pushedVolume((await world.open()).client, { 1: 1, 2: 2 })
  const copy = await (await world.open()).client.openVolume(volume.volumeId)
  await write(volume, { 1: 11 })
  await volume.push()
  return { world, copy, foreign: idToBytes(newVolumeId(world.ids)) }
}

describe('I11: an answer is refused, and changes nothing,', () => {
  test('of a pull, about another volume or from the past', async () => {
    const { world, copy, foreign } = await behind()
    let change = (answer: Answer): void => void (answer.snapshot.volumeId = foreign)
    tamper(world, 'Pull', (answer) => change(answer))
    expect(await outcomeOf(copy.pull())).toBe('corrupt REMOTE_ANSWER')
    change = () => undefined
    await copy.pull()
    change = (answer) => void (answer.snapshot.lsn = 1n)
    expect(await outcomeOf(copy.pull())).toBe('corrupt REMOTE_ANSWER')
    expect(copy.status()).toMatchObject({ base: { lsn: 2 }, lastError: { operation: 'pull', code: 'REMOTE_ANSWER' } })
  })

  test('of a commit, that it is elsewhere than after its base, or lost to nobody', async () => {
    const { world, copy } = await behind()
    await copy.pull()
    await write(copy, { 2: 22 })
    let change = (answer: Answer): void => void (answer.outcome.value.snapshot.lsn = 4n)
    tamper(world, 'Commit', (answer) => change(answer))
    expect(await outcomeOf(copy.push())).toBe('corrupt REMOTE_ANSWER')
    expect(copy.status()).toMatchObject({ base: { lsn: 2 }, pendingCommits: 1 })
    change = () => undefined
    expect(await copy.push()).toMatchObject({ type: 'pushed', snapshot: { lsn: 3 } })
  })

  test('of a lost race, without a newer commit or without a winner', async () => {
    const { world, copy } = await behind()
    await write(copy, { 2: 22 })
    let change = (answer: Answer): void => void (answer.outcome.value.snapshot.lsn = 1n)
    tamper(world, 'Commit', (answer) => change(answer))
    expect(await outcomeOf(copy.push())).toBe('corrupt REMOTE_ANSWER')
    change = (answer) => void (answer.outcome.value.commitIdAfterBase = new Uint8Array(0))
    expect(await outcomeOf(copy.push())).toBe('corrupt REMOTE_ANSWER')
    expect(copy.status()).toMatchObject({ base: { lsn: 1 }, pendingCommits: 1, attempt: { isRefused: false } })
    change = () => undefined
    expect(await copy.push()).toMatchObject({ type: 'pushed', snapshot: { lsn: 3 } })
  })

  test('of a snapshot, at another commit', async () => {
    const { world, copy } = await behind()
    tamper(world, 'GetSnapshot', (answer) => void (answer.lsn = 1n))
    expect(await outcomeOf(copy.snapshotAt(2 as never))).toBe('corrupt REMOTE_ANSWER')
  })

  test('of a read, with pages that were not asked for, of the future, or too few', async () => {
    const { world, copy } = await behind()
    const snapshot = copy.snapshot()
    let change = (answer: Answer): void => void (answer.pages = Splinter.from([2]).toBytes())
    tamper(world, 'ReadPages', (answer) => change(answer))
    expect(await outcomeOf(snapshot.read(1))).toBe('corrupt REMOTE_ANSWER')
    change = (answer) => void (answer.writtenLsns = [2n])
    expect(await outcomeOf(snapshot.read(1))).toBe('corrupt REMOTE_ANSWER')
    change = (answer) => {
      answer.pages = new Splinter().toBytes()
      answer.writtenLsns = []
      ;(answer as unknown as { data: Uint8Array }).data = new Uint8Array(0)
    }
    expect(await outcomeOf(snapshot.read(1))).toBe('corrupt READ_INCOMPLETE')
    change = () => undefined
    expect(await headStamps(copy)).toEqual([1, 2])
  })

  test.each([
    ['too few', 'READ_INCOMPLETE', new Splinter()],
    ['others', 'REMOTE_ANSWER', Splinter.from([2])],
  ])('of a read by what runs again, with %s pages: that is no divergence', async (_what, code, told) => {
    const { world, copy } = await behind()
    await copy.transact(async (tx) => tx.write(2, page(20 + stampOf(await tx.read(1)))))
    let isWrong = true
    tamper(world, 'ReadPages', (answer) => {
      if (!isWrong) return
      answer.pages = told.toBytes()
      answer.writtenLsns = answer.writtenLsns.slice(0, told.size)
      const data = (answer as unknown as { data: Uint8Array }).data
      ;(answer as unknown as { data: Uint8Array }).data = data.subarray(0, told.size * PAGE_SIZE)
    })
    expect(await outcomeOf(copy.push())).toBe(`corrupt ${code}`)
    expect(copy.status()).toMatchObject({ pendingCommits: 1, divergence: undefined })
    isWrong = false
    expect(await copy.push()).toMatchObject({ type: 'pushed', replayed: 1 })
    expect(await headStamps(copy)).toEqual([11, 31])
  })
})

test('limits that are out of date are asked for again when a server says so', async () => {
  const { world, copy } = await behind()
  await copy.pull()
  await copy.transact((tx) => {
    for (let i = 1; i <= 100; i++) tx.write(i, page(i))
  })
  let isOutOfDate = true
  tamper(world, 'Describe', (answer) => {
    if (isOutOfDate && answer.inlineBytesMax !== undefined) answer.inlineBytesMax = 1_000_000
  })
  expect(await outcomeOf(copy.push())).toBe('exhausted INLINE_TOO_LARGE')
  isOutOfDate = false
  expect(await copy.push()).toMatchObject({ type: 'pushed', snapshot: { lsn: 3 } })
})
