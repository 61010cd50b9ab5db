import { type ClientId, newClientId, newCommitId, newVolumeId, parsePageSize } from '@graft-ts/volume'
import { EventLog } from '../src/event-log.ts'
import type { PageContent } from '../src/model/page-content.ts'
import { type Run, type Transaction, Transactions } from '../src/model/transactions.ts'
import type { ModelCommit, VolumeModel } from '../src/model/volume-model.ts'
import { Process } from '../src/process.ts'
import { Random } from '../src/random.ts'
import { Scheduler } from '../src/scheduler.ts'
import { type KnownVolume, Volumes } from '../src/volumes.ts'
import { layOut } from '../src/workloads/layout.ts'

export const CLIENTS = ['client1', 'client2']

/** A world without nodes: a volume, and who wrote what. */
export class History {
  readonly random = new Random(1)
  readonly scheduler = new Scheduler(new Random(2), new EventLog({ isKept: false }))
  readonly ids = new Process({ name: 'test', random: this.random, scheduler: this.scheduler, clockOffsetMs: 0 }).idSource
  readonly transactions = new Transactions()
  readonly volumes = new Volumes()
  readonly volume: KnownVolume
  readonly clientIds: readonly ClientId[] = CLIENTS.map(() => newClientId(this.ids))

  constructor() {
    this.volume = this.volumes.add({
      volumeId: newVolumeId(this.ids),
      pageSize: parsePageSize(512),
      layout: layOut(CLIENTS, false, this.random),
    })
  }

  get model(): VolumeModel {
    return this.volume.model
  }

  /** A transaction with one run that has ended. */
  run(options: {
    client?: string
    slot?: number
    isolation?: 'serializable' | 'snapshot'
    reads?: Record<number, PageContent>
    pageCountRead?: number
    writes?: Record<number, number>
    pageCount?: number
    sequence?: number
    baseLsn?: number
  }): Run {
    const { client = 'client1', slot = 0, isolation = 'serializable', baseLsn = this.model.head } = options
    const transaction = this.transactions.begin({ client, volume: 0, slot, epoch: 0, isolation, mayBeLost: false, baseLsn })
    const run = this.transactions.beginRun(transaction, this.model.head)
    for (const [page, content] of Object.entries(options.reads ?? {})) run.reads.set(Number(page), content)
    run.pageCountRead = options.pageCountRead
    if (options.pageCount !== undefined) run.operations.push({ type: 'page-count', pageCount: options.pageCount })
    const journal = this.volume.layout.journalPage(client, slot)
    for (const [page, value] of Object.entries({ ...options.writes, [journal]: transaction.id })) {
      run.operations.push({ type: 'write', pageIndex: Number(page), content: { stamp: run.stamp, value } })
    }
    this.transactions.endRun(run)
    transaction.state = 'local'
    transaction.sequence = options.sequence ?? transaction.id + 1
    return run
  }

  /** Puts pages into the log. */
  commit(own: Record<number, PageContent>, options: { pageCount?: number; floor?: number } = {}): ModelCommit {
    const pages = new Map(Object.entries(own).map(([page, content]) => [Number(page), content]))
    const last = Math.max(0, ...pages.keys())
    const { floor } = options
    const commit: ModelCommit = {
      lsn: this.model.head + 1,
      commitId: newCommitId(this.ids),
      clientId: this.clientIds[0] as ClientId,
      pageCount: options.pageCount ?? Math.max(this.model.state(this.model.head).pageCount, last),
      floor,
      own: pages,
      atMs: 0,
    }
    this.model.append(commit)
    return commit
  }
}

/** What a run wrote to a page. */
export function writtenBy(run: Run, pageIndex: number): PageContent {
  const found = run.operations.findLast((operation) => operation.type === 'write' && operation.pageIndex === pageIndex)
  return found?.type === 'write' ? found.content : { stamp: 0, value: 0 }
}

export type { Transaction }
