import { instrumented } from './workloads/instrumented.ts'
import { START_BALANCE } from './workloads/layout.ts'
import type { World } from './world.ts'

/** The first client makes the volumes, while all is well. */
export async function setUp(world: World): Promise<void> {
  const { transactions, tally, random, volumes, clients } = world
  const [first] = clients
  if (first === undefined) return
  const life = await first.start([])
  const instruments = { transactions, tally, random, onViolation: (violation: unknown) => world.violation(violation) }
  for (const volume of volumes.all) {
    const made = await life.client.createVolume({ volumeId: volume.volumeId, pageSize: volume.pageSize })
    const transaction = transactions.begin({
      client: first.name,
      volume: volume.number,
      slot: 0,
      epoch: 0,
      isolation: 'serializable',
      mayBeLost: false,
      baseLsn: 0,
    })
    const run = instrumented(instruments, transaction, volume, async (tx) => {
      for (const account of volume.layout.accounts) tx.write(account, START_BALANCE)
      tx.write(volume.layout.tail, 0)
    })
    const { sequence } = await made.transact(run)
    transaction.sequence = sequence
    transaction.state = 'local'
    await made.push()
  }
  await life.client.close()
  life.process.die()
}
