import type { Transaction, Volume } from '@graft-ts/client'
import { claim, type Report } from '../report.ts'
import type { DemoClient } from '../scene.ts'

const COUNTER_PAGE = 1

/** 5: two clients commit on the same base; the loser learns what changed, and goes on. */
export async function showConflict(first: DemoClient, second: DemoClient, report: Report): Promise<void> {
  const ours = await first.client.createVolume()
  await ours.transact((tx) => writeNumber(tx, COUNTER_PAGE, 0))
  await ours.push()
  const theirs = await second.client.openVolume(ours.volumeId)
  await showOverlap({ ours, theirs, second }, report)
  await showNoOverlap({ ours, theirs, second }, report)
}

interface Rivals {
  readonly ours: Volume
  readonly theirs: Volume
  readonly second: DemoClient
}

/** Both count up. Without the conflict one of the two counts would be lost. */
async function showOverlap({ ours, theirs, second }: Rivals, report: Report): Promise<void> {
  const baseLsn = ours.status().base.lsn
  claim(theirs.status().base.lsn === baseLsn, 'both clients stand on the same commit')
  await Promise.all([ours.transact(countUp), theirs.transact(countUp)])
  const won = await ours.push()
  claim(won.type === 'pushed' && won.conflicts === 0 && won.snapshot.lsn === baseLsn + 1, 'the first one wins')
  const { value: lost, traffic, passed, milliseconds } = await second.measure(() => theirs.push())
  const [conflict, ...more] = passed.conflicts
  claim(conflict !== undefined && more.length === 0, 'the second one gets a conflict')
  claim(conflict.pages.equals([COUNTER_PAGE]), 'the conflict says what changed')
  claim(
    lost.type === 'pushed' && lost.replayed === 1 && lost.snapshot.lsn === baseLsn + 2,
    'its transaction runs again, and wins',
  )
  await ours.pull()
  const [here, there] = [await readNumber(ours), await readNumber(theirs)]
  claim(here === 2 && there === 2, 'no count was lost')
  report.add({
    step: '5a',
    what: 'two clients count up one counter',
    traffic,
    milliseconds,
    note: `one wins; the other is told that page ${COUNTER_PAGE} changed, runs again and commits: ${here}`,
  })
}

/** Both write pages that the other has nothing to do with. */
async function showNoOverlap({ ours, theirs, second }: Rivals, report: Report): Promise<void> {
  await theirs.pull()
  await Promise.all([ours.transact((tx) => writeNumber(tx, 2, 20)), theirs.transact((tx) => writeNumber(tx, 3, 30))])
  await ours.push()
  const { value, traffic, milliseconds } = await second.measure(() => theirs.push())
  claim(value.type === 'pushed' && value.conflicts === 1 && value.replayed === 0, 'without overlap nothing runs again')
  report.add({
    step: '5b',
    what: 'two clients write different pages',
    traffic,
    milliseconds,
    note: 'the second one meets the commit of the first, and goes on top of it as it is',
  })
}

async function countUp(tx: Transaction): Promise<void> {
  const page = await tx.read(COUNTER_PAGE)
  writeNumber(tx, COUNTER_PAGE, new DataView(page.buffer).getUint32(0) + 1)
}

function writeNumber(tx: Transaction, pageIndex: number, value: number): void {
  const page = new Uint8Array(tx.pageSize)
  new DataView(page.buffer).setUint32(0, value)
  tx.write(pageIndex, page)
}

async function readNumber(volume: Volume): Promise<number> {
  const snapshot = volume.snapshot()
  try {
    return new DataView((await snapshot.read(COUNTER_PAGE)).buffer).getUint32(0)
  } finally {
    snapshot.close()
  }
}
