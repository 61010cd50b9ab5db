import { type Client, createClient } from '@connectrpc/connect'
import {
  type CommitAnswer,
  type CommitProposal,
  commitAnswerFromWire,
  commitProposalToWire,
  type GraftTransport,
  type MetaDescription,
  type MetaLimits,
  MetaService,
  metaDescriptionFromWire,
  type PageLimits,
  PageService,
  type PullAnswer,
  pageDescriptionFromWire,
  pullAnswerFromWire,
  type ReadPage,
  type ReadPagesResponse,
  readPagesFromWire,
  type SignedSegmentRef,
  snapshotFromWire,
  type VolumeAdvance,
  type WatchLimits,
  watchEventFromWire,
  watchRequestToWire,
} from '@graft-ts/protocol'
import type { Splinter } from '@graft-ts/splinter'
import { idToBytes, isTypedError, LSN_NONE, type Lsn, type PageSize, type Snapshot, type VolumeId } from '@graft-ts/volume'
import { ClientError, untilAborted } from './errors.ts'

interface CallOptions {
  readonly signal?: AbortSignal | undefined
}

/** Pages to read at a commit. */
export interface PageRead {
  readonly volumeId: VolumeId
  readonly lsn: Lsn
  readonly pageSize: PageSize
  readonly wanted: Splinter
  readonly useful: Splinter
}

/** The two stores as the client calls them: one method per call, decoded and checked answers (I11), no state but their limits. */
export class Remote {
  readonly #meta: Client<typeof MetaService>
  readonly #pages: Client<typeof PageService>
  readonly #closing: AbortSignal
  #metaDescription: Promise<MetaDescription> | undefined
  #pageLimits: Promise<PageLimits> | undefined

  /** @param closing Ends the calls that no single caller may end. */
  constructor(transport: GraftTransport, closing: AbortSignal) {
    this.#closing = closing
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
  async *readPages(read: PageRead, options: CallOptions): AsyncGenerator<ReadPage[], void, undefined> {
    const { volumeId, lsn, wanted, useful } = read
    const request = {
      volumeId: idToBytes(volumeId),
      lsn: BigInt(lsn),
      wanted: wanted.toBytes(),
      alsoUseful: useful.size === 0 ? new Uint8Array(0) : useful.toBytes(),
    }
    // A reader that leaves early ends the call only by a signal.
    const leaving = new AbortController()
    const signal = options.signal === undefined ? leaving.signal : AbortSignal.any([options.signal, leaving.signal])
    try {
      for await (const message of this.#pages.readPages(request, { signal })) yield checkedPages(message, read)
    } finally {
      leaving.abort()
    }
  }

  /** The newest commit of a volume; 0: there is none. */
  async head(volumeId: VolumeId, options: CallOptions): Promise<Lsn> {
    try {
      return (await this.snapshotAt(volumeId, LSN_NONE, options)).lsn
    } catch (error) {
      if (isTypedError(error) && error.code === 'VOLUME_UNKNOWN') return LSN_NONE
      throw error
    }
  }

  /**
   * Is told of new commits, until the signal fires.
   *
   * @param known Volumes, each with the newest commit that is known here.
   * @returns `undefined`: a heartbeat.
   */
  async *watch(
    known: Iterable<readonly [VolumeId, Lsn]>,
    options: { readonly signal: AbortSignal },
  ): AsyncGenerator<VolumeAdvance | undefined, void, undefined> {
    // A reader that leaves early ends the call only by a signal.
    const leaving = new AbortController()
    const signal = AbortSignal.any([options.signal, leaving.signal])
    try {
      for await (const event of this.#meta.watch(watchRequestToWire(known), { signal })) yield watchEventFromWire(event)
    } finally {
      leaving.abort()
    }
  }

  /** What the meta store takes; asked once, until forgotten. */
  async metaLimits(options: CallOptions): Promise<MetaLimits> {
    return (await this.#describedMeta(options)).limits
  }

  /** How the meta store lets itself be watched; `undefined`: not at all. */
  async watchLimits(options: CallOptions): Promise<WatchLimits | undefined> {
    return (await this.#describedMeta(options)).watch
  }

  /** What the page store takes; asked once, until forgotten. */
  pageLimits(options: CallOptions): Promise<PageLimits> {
    this.#pageLimits ??= this.#describePages().catch((error) => {
      this.#pageLimits = undefined
      throw error
    })
    return untilAborted(this.#pageLimits, options.signal)
  }

  /** Makes the next call that needs limits ask for them: those that are known may be out of date. */
  forgetLimits(): void {
    this.#metaDescription = undefined
    this.#pageLimits = undefined
  }

  #describedMeta(options: CallOptions): Promise<MetaDescription> {
    this.#metaDescription ??= this.#describeMeta().catch((error) => {
      this.#metaDescription = undefined
      throw error
    })
    return untilAborted(this.#metaDescription, options.signal)
  }

  async #describeMeta(): Promise<MetaDescription> {
    return metaDescriptionFromWire(await this.#meta.describe({}, { signal: this.#closing }))
  }

  async #describePages(): Promise<PageLimits> {
    return pageDescriptionFromWire(await this.#pages.describe({}, { signal: this.#closing })).limits
  }

  #checkSnapshot(snapshot: Snapshot, volumeId: VolumeId): void {
    if (snapshot.volumeId !== volumeId)
      throw new ClientError('REMOTE_ANSWER', `a snapshot of another volume, volume=${snapshot.volumeId}`)
  }
}

/** The pages of one group, as far as they were asked for at all. */
function checkedPages(message: ReadPagesResponse, { lsn, pageSize, wanted, useful }: PageRead): ReadPage[] {
  const pages = readPagesFromWire(message, pageSize)
  for (const { pageIndex, writtenLsn } of pages) {
    const isAsked = wanted.has(pageIndex) || useful.has(pageIndex)
    if (!isAsked || writtenLsn > lsn) {
      throw new ClientError('REMOTE_ANSWER', `a page that was not asked for, page=${pageIndex} lsn=${writtenLsn}`)
    }
  }
  return pages
}

function callOptions(options: CallOptions): { signal?: AbortSignal } {
  return options.signal === undefined ? {} : { signal: options.signal }
}
