import type { PageLimits, ReadPage } from '@graft-ts/protocol'
import { Splinter } from '@graft-ts/splinter'
import { LSN_NONE, type Lsn } from '@graft-ts/volume'
import type { ReadContext } from '../context.ts'
import { ClientError, throwIfAborted, untilAborted } from '../errors.ts'
import { retried } from '../retry.ts'

interface Flight {
  readonly arrival: Promise<ReadPage | undefined>
  readonly land: (page: ReadPage | undefined) => void
  readonly fail: (error: unknown) => void
}

/**
 * Fetches pages of one volume from the page store. A page that is on its way already is waited for, not asked for again;
 * what arrives is kept in memory and in the local store.
 */
export class PageFetcher {
  readonly #context: ReadContext
  readonly #flights = new Map<string, Flight>()
  #keepFailure: { readonly error: unknown } | undefined

  constructor(context: ReadContext) {
    this.#context = context
  }

  /** Whether a page is on its way. */
  isUnderWay(lsn: Lsn, pageIndex: number): boolean {
    return this.#flights.has(flightKey(lsn, pageIndex))
  }

  /** The most pages of one request. */
  async pagesMax(signal: AbortSignal | undefined): Promise<number> {
    const { remote, retry, pageSize } = this.#context
    const limits: PageLimits = await retried(retry, signal, () => remote.pageLimits({ signal }))
    return Math.max(1, Math.min(limits.readPagesMax, Math.floor(limits.readBytesMax / pageSize)))
  }

  /**
   * Fetches pages in one request, at most; the caller keeps to {@link pagesMax}.
   *
   * @param wanted Pages that are answered, or the call fails.
   * @param useful Pages that are fetched along with them if the page store likes; nobody waits for them.
   * @returns The wanted pages, in their order.
   */
  async fetch(
    lsn: Lsn,
    wanted: readonly number[],
    useful: readonly number[],
    signal: AbortSignal | undefined,
  ): Promise<ReadPage[]> {
    throwIfAborted(signal)
    // A page may have arrived between the look-up that missed it and this call.
    const isAbsent = (pageIndex: number): boolean =>
      this.#cached(lsn, pageIndex) === undefined && !this.isUnderWay(lsn, pageIndex)
    const asked = wanted.filter(isAbsent)
    const along = useful.filter(isAbsent)
    for (const pageIndex of [...asked, ...along]) this.#flights.set(flightKey(lsn, pageIndex), newFlight())
    const arrivals = wanted.map((pageIndex) => this.#arrival(lsn, pageIndex))
    // Others may be waiting for the same pages, so no single caller's signal ends the request.
    if (asked.length > 0) void this.#request(lsn, asked, along)
    else for (const pageIndex of along) this.#settle(lsn, pageIndex, (flight) => flight.land(undefined))
    const arrived = await untilAborted(Promise.all(arrivals), signal)
    const left = wanted.filter((_, i) => arrived[i] === undefined)
    if (left.length === 0) return arrived as ReadPage[]
    // They were on their way as useful pages only, and the page store left them out.
    const rest = new Map((await this.fetch(lsn, left, [], signal)).map((page) => [page.pageIndex, page]))
    return wanted.map((pageIndex, i) => arrived[i] ?? (rest.get(pageIndex) as ReadPage))
  }

  /** Fetches pages that nobody waits for, unless requests are waiting already: those come first. */
  async fetchAhead(lsn: Lsn, pages: readonly number[]): Promise<void> {
    if (!this.#context.fetchSlots.isFull) await this.fetch(lsn, pages, [], this.#context.closing)
  }

  /**
   * Runs fetches and waits until what they brought is in the local store.
   *
   * @throws What the local store threw, if it could not keep something meanwhile.
   */
  async keeping(fetches: () => Promise<void>): Promise<void> {
    const failureBefore = this.#keepFailure
    await fetches()
    await this.#context.queue.idle()
    if (this.#keepFailure !== undefined && this.#keepFailure !== failureBefore) throw this.#keepFailure.error
  }

  async #arrival(lsn: Lsn, pageIndex: number): Promise<ReadPage | undefined> {
    const flight = this.#flights.get(flightKey(lsn, pageIndex))
    return flight === undefined ? this.#cached(lsn, pageIndex) : flight.arrival
  }

  #cached(lsn: Lsn, pageIndex: number): ReadPage | undefined {
    const { memory, base } = this.#context
    const page = memory.find(pageIndex, lsn, base().lsn)
    return page && { pageIndex, writtenLsn: page.bytes === undefined ? LSN_NONE : page.from, bytes: page.bytes }
  }

  async #request(lsn: Lsn, asked: readonly number[], along: readonly number[]): Promise<void> {
    const { retry, closing, fetchSlots } = this.#context
    const wanted = Splinter.from(asked)
    const useful = Splinter.from(along)
    try {
      await retried(retry, closing, async () => {
        await fetchSlots.run(() => this.#requestOnce(lsn, wanted, useful))
        if (wanted.size > 0)
          throw new ClientError('READ_INCOMPLETE', `the page store left out a page, page=${wanted.first()} lsn=${lsn}`)
      })
      this.#context.onFetched()
    } catch (error) {
      this.#context.onFetchFailed(error)
      for (const pageIndex of wanted) this.#settle(lsn, pageIndex, (flight) => flight.fail(error))
    }
    for (const pageIndex of useful) this.#settle(lsn, pageIndex, (flight) => flight.land(undefined))
  }

  /** Asks for what has not arrived yet, and takes out of both sets what does. */
  async #requestOnce(lsn: Lsn, wanted: Splinter, useful: Splinter): Promise<void> {
    const { remote, volumeId, pageSize, closing } = this.#context
    const read = { volumeId, lsn, pageSize, wanted: wanted.clone(), useful: useful.clone() }
    for await (const pages of remote.readPages(read, { signal: closing })) {
      this.#keep(lsn, pages)
      for (const page of pages) {
        wanted.delete(page.pageIndex)
        useful.delete(page.pageIndex)
        this.#settle(lsn, page.pageIndex, (flight) => flight.land(page))
      }
    }
  }

  #keep(lsn: Lsn, pages: readonly ReadPage[]): void {
    const { memory, base, store, queue, onKeepFailed } = this.#context
    const to = lsn === base().lsn ? undefined : lsn
    for (const { pageIndex, writtenLsn, bytes } of pages) {
      // A copy, because a page in memory would otherwise hold on to the bytes of the whole answer.
      const copy = bytes === undefined ? undefined : new Uint8Array(bytes)
      memory.keep(pageIndex, { from: bytes === undefined ? lsn : writtenLsn, to, bytes: copy })
    }
    queue
      .run(() => store.pages.keep(lsn, pages, base()))
      .catch((error: unknown) => {
        this.#keepFailure = { error }
        // Or else it would count as being here for as long as it stays in memory.
        memory.drop({ pages: Splinter.from(pages.map(({ pageIndex }) => pageIndex)), floor: undefined })
        onKeepFailed(error)
      })
  }

  #settle(lsn: Lsn, pageIndex: number, how: (flight: Flight) => void): void {
    const key = flightKey(lsn, pageIndex)
    const flight = this.#flights.get(key)
    this.#flights.delete(key)
    if (flight !== undefined) how(flight)
  }
}

function flightKey(lsn: Lsn, pageIndex: number): string {
  return `${lsn}/${pageIndex}`
}

function newFlight(): Flight {
  let land: Flight['land'] = () => undefined
  let fail: Flight['fail'] = () => undefined
  const arrival = new Promise<ReadPage | undefined>((resolve, reject) => {
    land = resolve
    fail = reject
  })
  // Whoever waits sees the failure; of useful pages nobody may be waiting.
  arrival.catch(() => undefined)
  return { arrival, land, fail }
}
