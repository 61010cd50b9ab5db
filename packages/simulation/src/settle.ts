import type { Volume } from '@graft-ts/client'
import { isTypedError } from '@graft-ts/volume'
import { checkIdle } from './checkers/bounds.ts'
import { checkView, expectationOf, journalPages, readContents } from './checkers/view-checker.ts'
import type { ClientNode } from './client-node.ts'
import type { Run } from './model/transactions.ts'
import { textOf } from './texts.ts'
import { mustHold, Violation } from './violation.ts'
import type { KnownVolume } from './volumes.ts'
import { checkSum } from './workloads/work.ts'
import type { World } from './world.ts'

/** How often a client may have to try before all that it has is in the log, once nothing goes wrong any more. */
const ROUNDS_MAX = 12
/** When a client that syncs by itself must have done so: it waits for a minute at most after a failure. */
const SYNC_MS_MAX = 5 * 60_000
/** When servers must have done with everything, in virtual milliseconds. */
const IDLE_AFTER_MS = 5 * 60_000
/** How often it is looked whether they have, and how often at most. */
const LOOK_MS = 300
const LOOKS_MAX = 10

/** Brings every client up to date, now that nothing goes wrong, and checks that all of them agree, and that nothing is missing. */
export async function settle(world: World): Promise<void> {
  for (const node of world.clients) await checkSyncsByItself(world, node)
  for (const known of world.volumes.all) {
    for (const node of world.clients) await pushAll(world, node, known)
    for (const node of world.clients) {
      const volume = volumeOf(node, known)
      // A server may still answer with a head that it knew when the last commit was not there yet.
      await world.scheduler.wait(undefined, world.scenario.maxStalenessMs + 1, '')
      await insist(world, `${node.name} cannot pull`, () => volume.pull())
      await insist(world, `${node.name} cannot read`, () => checkAgrees(world, node, known, volume))
    }
    checkAccount(world, known)
    await insist(world, 'nobody can read the head', () => checkFreshReader(world, known))
  }
  // Longer than any call of a server may take that was given up.
  await world.scheduler.wait(undefined, IDLE_AFTER_MS, '')
  await checkComesToRest(world)
}

/** Sooner or later there is a moment at which nobody does anything: in between, watched volumes are looked at. */
async function checkComesToRest(world: World): Promise<void> {
  for (let looksLeft = LOOKS_MAX; ; looksLeft--) {
    try {
      return checkIdle(world)
    } catch (violation) {
      if (looksLeft === 1) throw violation
      await world.scheduler.wait(undefined, LOOK_MS, '')
    }
  }
}

/** A client that is to sync by itself gets everything pushed or pulled without being called, unless somebody has to decide. */
async function checkSyncsByItself(world: World, node: ClientNode): Promise<void> {
  if (node.setup.sync === undefined) return
  const { pull = true, push = true } = node.setup.sync
  const isSettled = (known: KnownVolume): boolean => {
    const { sync, base, pendingCommits, attempt, remote } = volumeOf(node, known).status()
    const isPushed = pendingCommits === 0 && attempt === undefined
    // On top of which pending commits stand as long as they are not pushed.
    const newest = pendingCommits === 0 ? base : (remote ?? base)
    return sync === 'diverged' || ((isPushed || !push) && (newest.lsn === known.model.head || !pull))
  }
  const isDone = (): boolean => world.volumes.all.every(isSettled)
  for (let waitedMs = 0; !isDone() && waitedMs < SYNC_MS_MAX; waitedMs += 1_000) await world.scheduler.wait(undefined, 1_000, '')
  mustHold(isDone(), 'liveness', () => `${node.name} does not sync by itself although nothing goes wrong`)
  world.tally.add('checks: clients that sync by themselves')
}

/** Calls until it succeeds: what was under way when faults stopped may still be in the way for a while. */
async function insist<T>(world: World, who: string, call: () => Promise<T>): Promise<T> {
  let last: unknown
  for (let round = 0; round < ROUNDS_MAX; round++) {
    try {
      return await call()
    } catch (error) {
      if (!isTypedError(error)) throw error
      last = error
      await world.scheduler.wait(undefined, 1_000, '')
    }
  }
  throw new Violation('liveness', `${who} although nothing goes wrong: ${textOf(last)}`)
}

async function pushAll(world: World, node: ClientNode, known: KnownVolume): Promise<void> {
  const volume = volumeOf(node, known)
  await insist(world, `${node.name} cannot push`, async () => {
    if (volume.status().sync === 'diverged') await reset(world, node, known, volume)
    await volume.push()
    const status = volume.status()
    mustHold(
      status.pendingCommits === 0 && status.attempt === undefined,
      'I12',
      () => `${node.name} pushed, and something is pending`,
    )
  })
}

async function reset(world: World, node: ClientNode, known: KnownVolume, volume: Volume): Promise<void> {
  await volume.reset()
  for (const transaction of world.transactions.of(node.name, known.number)) {
    const isPending = transaction.state === 'local' || transaction.state === 'uncertain'
    if (isPending && transaction.lsn === undefined) transaction.state = 'dropped'
  }
  node.epochs.set(known, node.epoch(known) + 1)
  world.tally.add('recovery: reset after a divergence')
}

async function checkAgrees(world: World, node: ClientNode, known: KnownVolume, volume: Volume): Promise<void> {
  const { model } = known
  const status = volume.status()
  mustHold(
    status.base.lsn === model.head && status.sync === 'synced',
    'liveness',
    () => `${node.name} is ${status.sync} at ${status.base.lsn}, and the head is ${model.head}`,
  )
  const snapshot = volume.snapshot()
  const pages = [...model.state(model.head).pages.keys(), ...journalPages(known, node.name)]
  const contents = await readContents(snapshot, known, [...pages, snapshot.pageCount + 1])
  const expectation = expectationOf(world.transactions, node.name, known, node.epoch(known))
  checkView(snapshot, contents, { client: node.name, volume: known, transactions: world.transactions }, expectation)
  snapshot.close()
  world.tally.add('checks: clients that agree at the end')
}

/** Somebody who has nothing yet sees the same. */
async function checkFreshReader(world: World, known: KnownVolume): Promise<void> {
  const [node] = world.clients
  if (node === undefined) return
  const head = known.model.state(known.model.head)
  const snapshot = await volumeOf(node, known).snapshotAt(known.model.head as never)
  const contents = await readContents(snapshot, known, [...head.pages.keys()])
  for (const [pageIndex, { stamp }] of head.pages) {
    mustHold(contents.get(pageIndex)?.stamp === stamp, 'I4', () => `page ${pageIndex} of the head is another one`)
  }
  snapshot.close()
}

/** Every transaction that a client was told is committed is in the log once, and what they did adds up. */
function checkAccount(world: World, known: KnownVolume): void {
  const { model, layout } = known
  for (const transaction of world.transactions) {
    if (transaction.volume !== known.number || transaction.slot === undefined || transaction.state !== 'local') continue
    mustHold(
      transaction.lsn !== undefined,
      'I12',
      () => `transaction ${transaction.id} of ${transaction.client} is not in the log`,
    )
  }
  for (let lsn = 1; lsn <= model.head; lsn++) checkSum(layout.accounts.map((account) => model.page(lsn, account).value))
  for (const list of layout.lists) {
    const value = model.page(model.head, list).value
    const appended = [...world.transactions].filter(
      ({ committed, volume }) => volume === known.number && appends(committed, list),
    )
    mustHold(value === appended.length, 'list', () => `list ${list} has ${value} entries, and ${appended.length} were appended`)
  }
}

function appends(run: Run | undefined, list: number): boolean {
  return run?.operations.some((operation) => operation.type === 'write' && operation.pageIndex === list) ?? false
}

function volumeOf(node: ClientNode, known: KnownVolume): Volume {
  const volume = node.life?.volumes.get(known)
  mustHold(volume !== undefined, 'liveness', () => `${node.name} has not come up`)
  return volume
}
