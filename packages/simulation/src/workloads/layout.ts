import type { Random } from '../random.ts'

/** Transactions of one client that may be pending on one volume at a time: each writes its own journal page. */
export const JOURNAL_SLOTS = 8

const ACCOUNTS = 6
const REGISTERS = 6
const LISTS = 3
const TREE_PAGES = 10

/** Which page of a volume serves which workload. */
export interface Layout {
  readonly clients: readonly string[]
  /** Balances that are moved about; their sum never changes. */
  readonly accounts: readonly number[]
  /** Pages that are written without being read, or read and written. */
  readonly registers: readonly number[]
  /** Counters that only ever go up by one. */
  readonly lists: readonly number[]
  /** The first page: every change of the tree also writes it, as those of a database do. */
  readonly header: number
  readonly tree: readonly number[]
  /** First page of the end that grows and shrinks. */
  readonly tail: number
  /** The page in which a transaction of a client leaves its mark. */
  journalPage(client: string, slot: number | undefined): number
}

/** What each account holds at first. */
export const START_BALANCE = 1000

/**
 * Lays a volume out.
 *
 * @param isSparse Whether the tail lies far behind everything else.
 */
export function layOut(clients: readonly string[], isSparse: boolean, random: Random): Layout {
  const header = 1
  const journals = header + 1
  let next = journals + clients.length * JOURNAL_SLOTS
  const take = (count: number): number[] => Array.from({ length: count }, () => next++)
  const accounts = take(ACCOUNTS)
  const registers = take(REGISTERS)
  const lists = take(LISTS)
  const tree = take(TREE_PAGES)
  return {
    clients,
    accounts,
    registers,
    lists,
    header,
    tree,
    tail: isSparse ? random.between(70_000, 5_000_000) : next,
    journalPage: (client, slot) => journals + clients.indexOf(client) * JOURNAL_SLOTS + (slot ?? Number.NaN),
  }
}
