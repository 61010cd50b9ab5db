import { Splinter } from '@graft-ts/splinter'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import { type CommitRecord, encodeCommit, encodeRun, LSN_NONE, newCommitId, newSegmentId, storeKeys } from '@graft-ts/volume'
import { sha256 } from '@noble/hashes/sha2.js'
import { describe, expect, test } from 'vitest'
import { LogChecker } from '../../src/checkers/log-checker.ts'
import { immediateCodec } from '../../src/frame-codec.ts'
import { encodePage, type PageContent } from '../../src/model/page-content.ts'
import type { Run } from '../../src/model/transactions.ts'
import { Tally } from '../../src/tally.ts'
import { CLIENTS, History, writtenBy } from '../histories.ts'

/** A log that is written by hand, so that it can be written wrongly. */
class Log {
  readonly history = new History()
  readonly objects = new MemoryStore()
  readonly found: string[] = []
  readonly #checker = new LogChecker({
    objects: this.objects,
    volumes: this.history.volumes,
    transactions: this.history.transactions,
    nodeOf: (clientId) => CLIENTS[this.history.clientIds.indexOf(clientId as never)],
    nowMs: () => 0,
    tally: new Tally(),
    onViolation: (violation) => this.found.push((violation as Error).message),
  })
  #previous: Uint8Array | undefined

  /** Creates the commit of runs; `change` makes it a wrong one. */
  async commit(
    runs: readonly Run[],
    change: Partial<CommitRecord> & { pages?: Record<number, PageContent> } = {},
  ): Promise<void> {
    const { volumeId, pageSize, number } = this.history.volume
    const contents = new Map<number, PageContent>()
    for (const run of runs) {
      for (const operation of run.operations) {
        if (operation.type === 'write') contents.set(operation.pageIndex, writtenBy(run, operation.pageIndex))
      }
    }
    for (const [page, content] of Object.entries(change.pages ?? {})) contents.set(Number(page), content)
    const indexes = [...contents.keys()].sort((a, b) => a - b)
    const pages = Splinter.from(indexes)
    const data = new Uint8Array(indexes.length * pageSize)
    for (const [i, pageIndex] of indexes.entries()) {
      data.set(encodePage(contents.get(pageIndex) as PageContent, { volume: number, pageIndex }, pageSize), i * pageSize)
    }
    const lsn = change.lsn ?? ((this.history.model.head + 1) as never)
    const commitId = newCommitId(this.history.ids)
    const run = await encodeRun({ volumeId, pageSize, pages, data }, commitId, immediateCodec)
    const frames = run.parts.flatMap((part) => [...part])
    const record: CommitRecord = {
      volumeId,
      lsn,
      commitId,
      clientId: this.history.clientIds[0] as never,
      pageCount: Math.max(this.history.model.state(this.history.model.head).pageCount, indexes.at(-1) as number),
      floor: undefined,
      pageSize,
      timestampMs: 1,
      previousHash: this.#previous === undefined ? new Uint8Array(0) : sha256(this.#previous),
      checkpointLsn: LSN_NONE,
      own: pages,
      refs: [{ segmentId: undefined, pages, offset: 0, frames: run.frames }],
      layers: [],
      inline: { byteLength: frames.length, hash: sha256(Uint8Array.from(frames)) },
      ...change,
    }
    const sealed = encodeCommit(record)
    this.#previous = sealed
    this.#checker.created(storeKeys.commit(volumeId, lsn), Uint8Array.from([...sealed, ...frames]))
    for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve))
  }

  change(how: 'put' | 'delete'): void {
    this.#checker.changed(storeKeys.commit(this.history.volume.volumeId, 1 as never), how)
  }
}

describe('a log', () => {
  test('of whole transactions in their order is right', async () => {
    const log = new Log()
    await log.commit([log.history.run({ writes: { 20: 1 } })])
    await log.commit([log.history.run({ slot: 1, writes: { 20: 2 } }), log.history.run({ slot: 2, writes: { 40: 3 } })])
    expect(log.found).toEqual([])
    expect(log.history.model.head).toBe(2)
  })

  test('I1: with a commit whose segment is not there is wrong', async () => {
    const log = new Log()
    const run = log.history.run({ writes: { 20: 1 } })
    const pages = Splinter.from([1, 20])
    const frames = { lengths: Uint32Array.of(200), checksums: BigUint64Array.of(1n) }
    await log.commit([run], { refs: [{ segmentId: newSegmentId(log.history.ids), pages, offset: 0, frames }] })
    expect(log.found.join()).toContain('I1')
  })

  test('I2: with a gap, or with a commit that was changed, is wrong', async () => {
    const log = new Log()
    await log.commit([log.history.run({ writes: { 20: 1 } })], { lsn: 2 as never, previousHash: new Uint8Array(32) })
    log.change('put')
    log.change('delete')
    expect(log.found.map((message) => message.slice(0, 2))).toEqual(['I2', 'I2', 'I2'])
  })

  test('I2: whose commits do not follow from each other is wrong', async () => {
    const log = new Log()
    await log.commit([log.history.run({ writes: { 20: 1 } })])
    await log.commit([log.history.run({ slot: 1, writes: { 20: 1 } })], { previousHash: new Uint8Array(32) })
    expect(log.found.join()).toContain('I2')
  })

  test('I3: with half a transaction, or pages of somebody else, is wrong', async () => {
    const half = new Log()
    const run = half.history.run({ writes: { 20: 1, 21: 2 } })
    await half.commit([run], { pages: { 21: { stamp: run.stamp, value: 9 } } })
    expect(half.found.join()).toContain('I3')
    const foreign = new Log()
    const theirs = foreign.history.run({ client: 'client2', writes: { 21: 2 } })
    await foreign.commit([foreign.history.run({ writes: { 20: 1 } })], { pages: { 21: writtenBy(theirs, 21) } })
    expect(foreign.found.join()).toContain('I3')
  })

  test('I3: with a transaction that was given up is wrong', async () => {
    const log = new Log()
    const run = log.history.run({ writes: { 20: 1 } })
    run.transaction.state = 'failed'
    await log.commit([run])
    expect(log.found.join()).toContain('which is failed')
  })

  test('I5: with another length or floor than its transactions make is wrong', async () => {
    for (const change of [{ pageCount: 50 }, { floor: 19 }]) {
      const log = new Log()
      await log.commit([log.history.run({ writes: { 20: 1 } })], change)
      expect(log.found.join()).toContain('I5')
    }
  })

  test('I6: with a transaction twice is wrong', async () => {
    const log = new Log()
    const run = log.history.run({ writes: { 20: 1 } })
    await log.commit([run])
    await log.commit([run])
    expect(log.found.join()).toContain('I6')
  })

  test('I12: that passes over a transaction is wrong', async () => {
    const log = new Log()
    log.history.run({ writes: { 20: 1 } })
    await log.commit([log.history.run({ slot: 1, writes: { 20: 2 } })])
    expect(log.found.join()).toContain('I12')
  })

  test('of transactions that did not see each other is not serializable', async () => {
    const log = new Log()
    await log.commit([log.history.run({ writes: { 20: 1 } })])
    await log.commit([log.history.run({ slot: 1, reads: { 20: { stamp: 0, value: 0 } }, writes: { 21: 1 } })])
    expect(log.found.join()).toContain('serializability')
  })
})
