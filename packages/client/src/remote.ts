import { type Client, createClient } from '@connectrpc/connect'
import {
  type CommitAnswer,
  type CommitProposal,
  checkProtocolVersion,
  commitAnswerFromWire,
  commitProposalToWire,
  type GraftTransport,
  MetaService,
  type PageLimits,
  PageService,
  type PullAnswer,
  pullAnswerFromWire,
  type ReadPage,
  readPagesFromWire,
  type SignedSegmentRef,
  snapshotFromWire,
} from '@graft-ts/protocol'
import type { Splinter } from '@graft-ts/splinter'
import { idToBytes, type Lsn, type PageSize, type Snapshot, type VolumeId } from '@graft-ts/volume'
import { ClientError } from './errors.ts'

/** What the meta store takes in one commit. */
export interface CommitLimits {
  readonly inlineBytesMax: number
  readonly refsMax: number
  readonly pagesMax: number
}

interface CallOptions {
  readonly signal?: AbortSignal | undefined
}

/** The two stores as the client calls them: one method per call, decoded and checked answers (I11), no state but their limits. */
export class Remote {
  readonly #meta: Client<typeof MetaService>
  readonly #pages: Client<typeof PageService>
  #commitLimits: Promise<CommitLimits> | undefined
  #pageLimits: Promise<PageLimits> | undefined

  constructor(transport: GraftTransport) {
    this.#meta = createClient(MetaService, transport.meta)
    this.#pages = createClient(PageService, transport.pages)
  }

  async pull(
    volumeId: VolumeId,
    options: CallOptions & { readonly since: Lsn; readonly atLeast?: Lsn | undefined },
  ): Promise<PullAnswer> {
    const request = { volumeId: idToBytes(volumeId), since: BigInt(options.since), atLeast: BigInt(options.atLeast ?? 0) }
    const answer = pullAnswerFromWire(await this.#meta.pull(request, callOptions(options)))
    this.#checkSnapshot(answer.snapshot, volumeId)
    if (answer.snapshot.lsn < options.since) {
      throw new ClientError(
        'REMOTE_ANSWER',
        `the meta store answers from the past, lsn=${answer.snapshot.lsn} since=${options.since}`,
      )
    }
    return answer
  }

  async commit(proposal: CommitProposal, options: CallOptions): Promise<CommitAnswer> {
    const answer = commitAnswerFromWire(await this.#meta.commit(commitProposalToWire(proposal), callOptions(options)))
    this.#checkSnapshot(answer.snapshot, proposal.volumeId)
    if (answer.type === 'committed' && answer.snapshot.lsn !== proposal.baseLsn + 1) {
      throw new ClientError(
        'REMOTE_ANSWER',
        `a commit is not next to its base, lsn=${answer.snapshot.lsn} base=${proposal.baseLsn}`,
      )
    }
    if (answer.snapshot.lsn <= proposal.baseLsn) {
      throw new ClientError(
        'REMOTE_ANSWER',
        `a conflict without a newer commit, lsn=${answer.snapshot.lsn} base=${proposal.baseLsn}`,
      )
    }
    return answer
  }

  async snapshotAt(volumeId: VolumeId, lsn: Lsn, options: CallOptions): Promise<Snapshot> {
    const request = { volumeId: idToBytes(volumeId), lsn: BigInt(lsn) }
    const snapshot = snapshotFromWire(await this.#meta.getSnapshot(request, callOptions(options)))
    this.#checkSnapshot(snapshot, volumeId)
    if (lsn !== 0 && snapshot.lsn !== lsn)
      throw new ClientError('REMOTE_ANSWER', `another snapshot than asked for, lsn=${snapshot.lsn}`)
    return snapshot
  }

  /** Makes pages durable on the page store. */
  async writePages(
    run: { readonly volumeId: VolumeId; readonly pageSize: PageSize; readonly pages: Splinter; readonly data: Uint8Array },
    options: CallOptions,
  ): Promise<readonly SignedSegmentRef[]> {
    const { volumeId, pageSize, pages, data } = run
    const answer = await this.#pages.writePages(
      { volumeId: idToBytes(volumeId), pageSize, pages: pages.toBytes(), data },
      callOptions(options),
    )
    return answer.refs
  }

  /** Reads pages at a commit, group by group as they arrive. Whether all wanted ones came is for the caller to see. */
  async *readPages(
    read: {
      readonly volumeId: VolumeId
      readonly lsn: Lsn
      readonly pageSize: PageSize
      readonly wanted: Splinter
      readonly useful: Splinter
    },
    options: CallOptions,
  ): AsyncGenerator<ReadPage[], void, undefined> {
    const { volumeId, lsn, pageSize, wanted, useful } = read
    const request = {
      volumeId: idToBytes(volumeId),
      lsn: BigInt(lsn),
      wanted: wanted.toBytes(),
      alsoUseful: useful.size === 0 ? new Uint8Array(0) : useful.toBytes(),
    }
    for await (const message of this.#pages.readPages(request, callOptions(options))) {
      const pages = readPagesFromWire(message, pageSize)
      for (const { pageIndex, writtenLsn } of pages) {
        const wasAsked = wanted.has(pageIndex) || useful.has(pageIndex)
        if (!wasAsked || writtenLsn > lsn)
          throw new ClientError('REMOTE_ANSWER', `a page that was not asked for, page=${pageIndex} lsn=${writtenLsn}`)
      }
      yield pages
    }
  }

  /** What the meta store takes; asked once. */
  commitLimits(): Promise<CommitLimits> {
    this.#commitLimits ??= this.#describeMeta().catch((error) => {
      this.#commitLimits = undefined
      throw error
    })
    return this.#commitLimits
  }

  /** What the page store takes; asked once. */
  pageLimits(): Promise<PageLimits> {
    this.#pageLimits ??= this.#describePages().catch((error) => {
      this.#pageLimits = undefined
      throw error
    })
    return this.#pageLimits
  }

  async #describeMeta(): Promise<CommitLimits> {
    const { protocolVersions, inlineBytesMax, refsMax, pagesMax } = await this.#meta.describe({})
    checkProtocolVersion(protocolVersions)
    return { inlineBytesMax, refsMax, pagesMax }
  }

  async #describePages(): Promise<PageLimits> {
    const { protocolVersions, requestBytesMax, writePagesMax, readPagesMax, readBytesMax } = await this.#pages.describe({})
    checkProtocolVersion(protocolVersions)
    if (writePagesMax < 1 || readPagesMax < 1) throw new ClientError('REMOTE_ANSWER', 'the page store takes no pages')
    return { requestBytesMax, writePagesMax, readPagesMax, readBytesMax }
  }

  #checkSnapshot(snapshot: Snapshot, volumeId: VolumeId): void {
    if (snapshot.volumeId !== volumeId)
      throw new ClientError('REMOTE_ANSWER', `a snapshot of another volume, volume=${snapshot.volumeId}`)
  }
}

function callOptions(options: CallOptions): { signal?: AbortSignal } {
  return options.signal === undefined ? {} : { signal: options.signal }
}
