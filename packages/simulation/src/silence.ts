import type { ClientNode } from './client-node.ts'
import type { Operations } from './operations/operations.ts'
import type { World } from './world.ts'

/** How many of its calls of a server a client that is offline loses, one after the other, at most: each with all its tries. */
const LOST_CALLS_MAX = 4
/** Longer than the pause between two tries of one call. */
const PAUSE_MS = 10_000

/**
 * Everybody is silent, and those who sync by themselves are cut off, with something to push and with news that they miss. No
 * call of the application comes to their help when they are back: whatever failed meanwhile they have to try again by themselves.
 *
 * @param operationsOf The calls of a client that is up.
 */
export async function fallSilent(world: World, operationsOf: (node: ClientNode) => Operations | undefined): Promise<void> {
  const { clients, scheduler, tally, volumes } = world
  const [alone, others] = [clients.filter(syncsByItself), clients.filter((node) => !syncsByItself(node))]
  if (alone.length === 0) return
  for (const node of alone) {
    setOffline(world, node, true)
    scheduler.note(`silence, ${node.name} offline`)
    tally.add('nodes: client offline')
  }
  for (const known of volumes.all) {
    // One after the other: each takes a page of the journal that the one before has not.
    for (const node of alone) await operationsOf(node)?.run('commit', known)
    for (const node of others.slice(0, 1)) {
      await operationsOf(node)?.run('commit', known)
      await operationsOf(node)?.run('push', known)
    }
  }
  await scheduler.wait(undefined, silenceMs(world, alone), '')
  for (const node of alone) setOffline(world, node, false)
}

function syncsByItself({ setup }: ClientNode): boolean {
  return setup.sync !== undefined
}

function silenceMs({ scenario, random }: World, alone: readonly ClientNode[]): number {
  const attemptsMax = alone.reduce((most, { setup }) => Math.max(most, setup.attemptsMax), 0)
  return random.number() * LOST_CALLS_MAX * attemptsMax * (scenario.timeoutMs + PAUSE_MS)
}

function setOffline({ network, servers }: World, node: ClientNode, isCut: boolean): void {
  for (const server of servers) network.cut(node.name, server.name, isCut)
}
