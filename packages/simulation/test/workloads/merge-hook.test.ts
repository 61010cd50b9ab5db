import type { PageConflict } from '@graft-ts/client'
import { expect, test } from 'vitest'
import { decodePage, encodePage, type PageContent } from '../../src/model/page-content.ts'
import type { Run } from '../../src/model/transactions.ts'
import { Random } from '../../src/random.ts'
import { Tally } from '../../src/tally.ts'
import { mergeHook } from '../../src/workloads/merge-hook.ts'
import { History } from '../histories.ts'

/** A run of client1 has added 2 to a list that it found at 5, and the hook is asked about that. */
function open() {
  const history = new History()
  const [list] = history.volume.layout.lists as [number]
  const run = history.run({ reads: { [list]: { stamp: 101, value: 5 } }, writes: { [list]: 7 } })
  const found: string[] = []
  const hook = mergeHook({
    client: 'client1',
    volumes: history.volumes,
    transactions: history.transactions,
    tally: new Tally(),
    random: new Random(1),
    onViolation: (violation) => found.push((violation as Error).message),
  })
  const { volumeId, pageSize } = history.volume
  const ask = (sides: Partial<Record<'base' | 'local' | 'remote', PageContent>>, pageIndex = list) => {
    const page = (content: PageContent) => encodePage(content, { volume: 0, pageIndex }, pageSize)
    const [base, local, remote] = [
      page(sides.base ?? { stamp: 101, value: 5 }),
      page(sides.local ?? { stamp: run.stamp, value: 7 }),
      page(sides.remote ?? { stamp: 102, value: 9 }),
    ]
    const conflict: PageConflict = { volumeId, pageIndex, base, local, remote }
    return hook(conflict) as Uint8Array | undefined
  }
  return { history, list, run, ask, found }
}

const readAs = (page: Uint8Array | undefined, pageIndex: number): PageContent =>
  decodePage(page ?? new Uint8Array(512), { volume: 0, pageIndex }, 'the hook')

test('what was added is added to what others made of the page', () => {
  const { ask, run, list, found } = open()
  expect(readAs(ask({}), list)).toEqual({ stamp: run.stamp, value: 11 })
  expect([...run.merged]).toEqual([list])
  expect(found).toEqual([])
})

test('a page that is no counter is not merged', () => {
  const { ask, history, run } = open()
  const [register] = history.volume.layout.registers as [number]
  expect(ask({}, register)).toBeUndefined()
  expect(run.merged.size).toBe(0)
})

test.each<[string, (run: Run) => Parameters<ReturnType<typeof open>['ask']>[0]]>([
  ['as no run has found and left it', () => ({ base: { stamp: 102, value: 6 } })],
  ['as no run has found and left it', (run) => ({ local: { stamp: run.stamp, value: 8 } })],
  ['as somebody else has left it', () => ({ local: { stamp: 102, value: 7 } })],
  ['which nobody has changed', () => ({ remote: { stamp: 101, value: 5 } })],
])('a side that is wrong is found out: %s', (message, sides) => {
  const { ask, run, found } = open()
  expect(() => ask(sides(run))).toThrow(message)
  expect(found[0]).toContain(message)
})
