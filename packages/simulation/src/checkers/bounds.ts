import type { ClientNode } from '../client-node.ts'
import type { ServerNodeImpl } from '../servers.ts'
import type { Tally } from '../tally.ts'
import { mustHold } from '../violation.ts'
import type { Volumes } from '../volumes.ts'

/** Events that may wait at a time while everybody is busy, and when nobody wants anything: timers, and watches. */
const WAITING_MAX = 1_000
const WAITING_IDLE_MAX = 200
/** What a client may keep: each page as it is now, and as its open snapshots show it; and its own records. */
const KEYS_PER_PAGE_MAX = 8
const KEYS_MAX = 100
/** Calls of the object store for each request that a server has got, on average: a commit looks for the head, and reads layers. */
const STORE_CALLS_PER_REQUEST_MAX = 60
/** Calls of the object store that nobody's request is to blame for, such as looking at watched volumes. */
const STORE_CALLS_MAX = 2_000

/** What must not grow without end. */
export interface Bounded {
  readonly scheduler: { readonly waiting: number }
  readonly servers: readonly Pick<ServerNodeImpl, 'name' | 'life'>[]
  readonly clients: readonly Pick<ClientNode, 'name' | 'life' | 'disk' | 'setup'>[]
  readonly volumes: Pick<Volumes, 'all'>
  readonly tally: Tally
}

/** Checks, while everybody is busy, that queues, memory and work under way keep to their limits. */
export function checkBounds({ scheduler, servers, tally }: Bounded): void {
  mustHold(scheduler.waiting <= WAITING_MAX, 'unbounded', () => `${scheduler.waiting} events are waiting`)
  for (const { name, life } of servers) {
    if (life === undefined) continue
    const metrics = life.metrics()
    for (const [gauge, most] of Object.entries(life.bounds)) {
      const value = metrics[gauge] ?? Number.NaN
      mustHold(value <= most, 'unbounded', () => `${name} has ${gauge}=${value}, most=${most}`)
    }
    const { requests, storeCalls } = life.work()
    mustHold(
      storeCalls <= STORE_CALLS_PER_REQUEST_MAX * requests + STORE_CALLS_MAX,
      'unbounded',
      () => `${name} has called the object store ${storeCalls} times for ${requests} requests`,
    )
  }
  tally.add('checks: bounds')
}

/** Checks that nobody does anything any more that nobody asked for, and keeps no more than there is use for. */
export function checkIdle(world: Bounded): void {
  checkBounds(world)
  const { waiting } = world.scheduler
  mustHold(waiting <= WAITING_IDLE_MAX, 'unbounded', () => `${waiting} events are waiting when nobody wants anything`)
  const pages = world.volumes.all.reduce((sum, { model }) => sum + model.state(model.head).pages.size, 0)
  for (const client of world.clients) checkDisk(client, pages)
  for (const server of world.servers) {
    for (const [name, value] of Object.entries(server.life?.metrics() ?? {})) {
      if (!name.includes('InFlightNow') && !name.includes('WaitingNow')) continue
      mustHold(value === 0, 'unbounded', () => `${server.name} has ${name}=${value} when nobody wants anything of it`)
    }
  }
}

function checkDisk({ name, disk, life, setup }: Bounded['clients'][number], pages: number): void {
  const most = KEYS_PER_PAGE_MAX * pages + KEYS_MAX
  mustHold(disk.size <= most, 'unbounded', () => `${name} keeps ${disk.size} keys for ${pages} pages`)
  const cached = [...(life?.volumes.values() ?? [])].reduce((sum, volume) => sum + volume.status().localBytes.cached, 0)
  const { localBytesMax = Number.POSITIVE_INFINITY } = setup
  mustHold(cached <= localBytesMax, 'unbounded', () => `${name} keeps ${cached} bytes of pages, most=${localBytesMax}`)
}
