import type { Random } from '../random.ts'
import { mustHold } from '../violation.ts'
import type { KnownVolume } from '../volumes.ts'
import type { InstrumentedTransaction } from './instrumented.ts'
import { START_BALANCE } from './layout.ts'

/** Something that a transaction does. It draws what it needs beforehand, so that it does the same when it runs again. */
export interface Work {
  readonly name: string
  readonly isReadOnly: boolean
  /** Whether it keeps the sum of the accounts only if transactions are serializable, or is harmless in any case. */
  readonly needsSerializable: boolean
  readonly run: (tx: InstrumentedTransaction) => Promise<void>
}

type Maker = (volume: KnownVolume, random: Random) => Work

const write = (name: string, run: Work['run'], needsSerializable = false): Work => ({
  name,
  isReadOnly: false,
  needsSerializable,
  run,
})

/** Moves money between two accounts. */
const transfer: Maker = ({ layout }, random) => {
  const from = random.pick(layout.accounts)
  const to = random.pick(layout.accounts.filter((account) => account !== from))
  const amount = random.between(1, 5)
  return write('transfer', async (tx) => {
    const balance = await tx.read(from)
    tx.write(from, balance - amount)
    tx.write(to, (await tx.read(to)) + amount)
  })
}

/** Adds all accounts up. */
const sumUp: Maker = ({ layout }) => ({
  name: 'sum up',
  isReadOnly: true,
  needsSerializable: false,
  run: async (tx) => {
    const balances: number[] = []
    for (const account of layout.accounts) balances.push(await tx.read(account))
    checkSum(balances)
  },
})

/** Reads here and there, also where nothing is. */
const browse: Maker = ({ layout }, random) => {
  const tail = Array.from({ length: 6 }, () => layout.tail + random.below(30))
  const pages = [...layout.registers, ...layout.lists, layout.header, ...layout.tree, ...tail].filter(() => random.chance(0.4))
  return {
    name: 'browse',
    isReadOnly: true,
    needsSerializable: false,
    run: async (tx) => {
      for (const page of pages) await tx.read(page)
    },
  }
}

/** The sum of the accounts never changes. */
export function checkSum(balances: readonly number[]): void {
  const sum = balances.reduce((total, balance) => total + (balance | 0), 0)
  mustHold(sum === balances.length * START_BALANCE, 'bank', () => `the accounts add up to ${sum}: ${balances.join(' ')}`)
}

/** Writes a register, having read it or another one, or none. */
const register: Maker = ({ layout }, random) => {
  const target = random.pick(layout.registers)
  const source = random.chance(0.5) ? random.pick(layout.registers) : undefined
  const value = random.below(2 ** 32)
  return write('register', async (tx) => {
    tx.write(target, source === undefined ? value : ((await tx.read(source)) ^ value) >>> 0)
  })
}

/** Appends to a list: its page counts how often. */
const append: Maker = ({ layout }, random) => {
  const list = random.pick(layout.lists)
  return write('append', async (tx) => tx.write(list, (await tx.read(list)) + 1))
}

/** What a database does: reads a path, writes a leaf, and counts the change on its first page. */
const tree: Maker = ({ layout }, random) => {
  const path = Array.from({ length: random.between(1, 4) }, () => random.pick(layout.tree))
  const value = random.below(2 ** 32)
  return write('tree', async (tx) => {
    const changes = await tx.read(layout.header)
    let sum = value
    for (const page of path) sum = (sum + (await tx.read(page))) >>> 0
    tx.write(path.at(-1) as number, sum)
    tx.write(layout.header, changes + 1)
  })
}

/** Writes many pages at once: more than fits into a commit record. */
const bulk: Maker = ({ layout }, random) => {
  const pages = [...layout.tree, ...layout.registers].filter(() => random.chance(0.8))
  const value = random.below(2 ** 32)
  return write('bulk', async (tx) => {
    for (const page of pages) tx.write(page, value)
  })
}

/** Grows the volume at its end. */
const grow: Maker = ({ layout }, random) => {
  const count = random.between(1, 4)
  return write('grow', async (tx) => {
    const from = Math.max(tx.pageCount, layout.tail - 1) + 1
    for (let i = 0; i < count; i++) tx.write(from + i, from + i)
  })
}

/** Writes somewhere in the tail without asking how long it is. */
const growBlindly: Maker = ({ layout }, random) => {
  const page = layout.tail + random.below(24)
  const value = random.below(2 ** 32)
  return write('grow blindly', async (tx) => tx.write(page, value))
}

/** Cuts the tail off, all or in part, and perhaps writes beyond the end again. */
const shrink: Maker = ({ layout }, random) => {
  const left = random.below(12)
  const again = random.chance(0.5) ? random.below(12) : undefined
  const isTwice = random.chance(0.3)
  return write('shrink', async (tx) => {
    const target = Math.min(tx.pageCount, layout.tail - 1 + left)
    if (isTwice) tx.write(target + 3, 7)
    tx.setPageCount(target)
    if (again !== undefined) tx.write(target + 1 + again, again)
    if (isTwice) tx.setPageCount(target + 2)
  })
}

/** Reads the tail, also past its end. */
const readTail: Maker = ({ layout }, random) => {
  const pages = Array.from({ length: 4 }, () => layout.tail + random.below(30))
  return write('read tail', async (tx) => {
    let sum = 0
    for (const page of pages) sum = (sum + (await tx.read(page))) >>> 0
    tx.write(layout.registers[0] as number, sum)
  })
}

/** Changes a page that others cut off now and then, without asking for the length. */
const touchTail: Maker = ({ layout }, random) => {
  const page = layout.tail + random.below(4)
  return write('touch tail', async (tx) => tx.write(page, ((await tx.read(page)) + 1) >>> 0))
}

/** Changes one of the last pages and leaves the length as it is: what others cut off meanwhile is gone, and nothing else tells. */
const touchEnd: Maker = ({ layout }, random) => {
  const distance = random.below(3)
  return write('touch end', async (tx) => {
    const page = Math.max(layout.tail, tx.pageCount - distance)
    tx.write(page, ((await tx.read(page)) + 1) >>> 0)
  })
}

/** Checks that nobody is alone on duty before going off it: what `snapshot` isolation lets through, and `serializable` must not. */
const writeSkew: Maker = ({ layout }, random) => {
  const [a, b] = [layout.registers[1] as number, layout.registers[2] as number]
  const mine = random.pick([a, b])
  const value = random.below(2 ** 32)
  return write('write skew', async (tx) => {
    const [left, right] = [await tx.read(a), await tx.read(b)]
    tx.write(mine, (left + right + value) >>> 0)
  })
}

const MAKERS: readonly (readonly [weight: number, make: Maker])[] = [
  [20, transfer],
  [8, sumUp],
  [4, browse],
  [10, register],
  [14, append],
  [10, tree],
  [8, bulk],
  [7, grow],
  [5, growBlindly],
  [9, shrink],
  [5, readTail],
  [6, touchTail],
  [7, touchEnd],
  [6, writeSkew],
]

/** Draws something to do for which nothing has to be fetched. */
export const drawBlindWork: Maker = growBlindly

/** Draws something to do. */
export function drawWork(volume: KnownVolume, random: Random): Work {
  return random.weighted(MAKERS)(volume, random)
}
