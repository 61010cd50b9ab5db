import type { Volume, VolumeSnapshot } from '@graft-ts/client'
import type { Lsn } from '@graft-ts/volume'
import { readContents, type ViewExpectation } from '../checkers/view-checker.ts'
import type { PageContent } from '../model/page-content.ts'
import { mustHold } from '../violation.ts'
import type { KnownVolume } from '../volumes.ts'
import type { Session } from './session.ts'

const HELD_MAX = 3

interface Held {
  readonly snapshot: VolumeSnapshot
  readonly volume: KnownVolume
  readonly expectation: ViewExpectation
  contents: ReadonlyMap<number, PageContent> | undefined
}

/** Calls that change nothing in the log. */
export class Reading {
  readonly #session: Session
  readonly #held: Held[] = []

  constructor(session: Session) {
    this.#session = session
  }

  async pull(known: KnownVolume, volume: Volume): Promise<void> {
    const { lsn } = volume.status().base
    await volume.pull()
    checkBase(known, volume, lsn)
  }

  /** Reads the client's whole journal and some other pages of its head, and checks that it shows what it must. */
  async audit(known: KnownVolume, volume: Volume): Promise<void> {
    const expectation = this.#session.expectation(known)
    const snapshot = volume.snapshot()
    try {
      const contents = await readContents(snapshot, known, this.#session.pagesOf(known, snapshot, 0.4))
      this.#session.checkView(snapshot, contents, known, expectation)
    } finally {
      snapshot.close()
    }
  }

  /** Opens a snapshot that is looked at later. */
  async hold(known: KnownVolume, volume: Volume): Promise<void> {
    if (this.#held.length >= HELD_MAX) return this.revisit()
    const expectation = this.#session.expectation(known)
    this.#held.push({ expectation, snapshot: volume.snapshot(), volume: known, contents: undefined })
  }

  /** Reads a snapshot that was opened long ago: it must show what it showed then. */
  async revisit(): Promise<void> {
    const held = this.#held.shift()
    if (held === undefined) return
    const { snapshot, volume, expectation } = held
    const contents = await readContents(snapshot, volume, this.#session.pagesOf(volume, snapshot, 0.5))
    this.#session.checkView(snapshot, contents, volume, expectation)
    for (const [pageIndex, { stamp }] of held.contents ?? []) {
      const now = contents.get(pageIndex)
      mustHold(now === undefined || now.stamp === stamp, 'I4', () => `page ${pageIndex} of an open snapshot has changed`)
    }
    held.contents = contents
    if (this.#session.random.chance(0.5)) this.#held.push(held)
    else snapshot.close()
  }

  /** Lets go of all snapshots that are held. */
  end(): void {
    for (const { snapshot } of this.#held.splice(0)) snapshot.close()
  }

  /** A snapshot of a past commit must be that commit. */
  async past(known: KnownVolume, volume: Volume): Promise<void> {
    const head = volume.status().base.lsn
    if (head === 0) return
    const snapshot = await volume.snapshotAt(this.#session.random.between(1, head) as Lsn)
    try {
      const contents = await readContents(snapshot, known, this.#session.pagesOf(known, snapshot, 0.3))
      checkPast(known, snapshot, contents)
      this.#session.tally.add('checks: snapshots of the past')
    } finally {
      snapshot.close()
    }
  }

  /** Page after page, as programs read that do not know what they need next: the prefetcher guesses. */
  async scan(known: KnownVolume, volume: Volume): Promise<void> {
    const expectation = this.#session.expectation(known)
    const snapshot = volume.snapshot()
    try {
      const contents = new Map<number, PageContent>()
      for (const page of this.#session.pagesOf(known, snapshot, 1)) {
        for (const [index, content] of await readContents(snapshot, known, [page])) contents.set(index, content)
      }
      this.#session.checkView(snapshot, contents, known, expectation)
    } finally {
      snapshot.close()
    }
  }

  /** Fetches pages that are to be read offline, and reads them. */
  async hydrate(known: KnownVolume, volume: Volume): Promise<void> {
    const expectation = this.#session.expectation(known)
    const snapshot = volume.snapshot()
    try {
      const pages = this.#session.pagesOf(known, snapshot, 0.5)
      await snapshot.hydrate({ pages })
      this.#session.checkView(snapshot, await readContents(snapshot, known, pages), known, expectation)
    } finally {
      snapshot.close()
    }
  }

  /** Waits for a commit of somebody, and believes what is told of it. */
  async watch(known: KnownVolume, volume: Volume): Promise<void> {
    const signal = this.#session.signalAfter(this.#session.random.between(100, 20_000))
    let last = 0
    for await (const { lsn } of volume.watch({ signal })) {
      const { head } = known.model
      mustHold(lsn <= head, 'I3', () => `a watch tells of commit ${lsn}, and the head is ${head}`)
      mustHold(lsn > last, 'monotonic reads', () => `a watch tells of commit ${lsn} after ${last}`)
      last = lsn
      this.#session.tally.add('checks: heads that watches tell')
      if (this.#session.random.chance(0.3)) return
    }
  }
}

/** What a client stands on never goes back while it lives. */
export function checkBase(known: KnownVolume, volume: Volume, before: number): void {
  const { base } = volume.status()
  mustHold(
    base.lsn >= before && base.lsn <= known.model.head,
    'monotonic reads',
    () => `the base went from ${before} to ${base.lsn}`,
  )
}

function checkPast(known: KnownVolume, snapshot: VolumeSnapshot, contents: ReadonlyMap<number, PageContent>): void {
  const state = known.model.state(snapshot.lsn)
  mustHold(snapshot.pageCount === state.pageCount, 'I4', () => `the snapshot at ${snapshot.lsn} has ${snapshot.pageCount} pages`)
  for (const [pageIndex, { stamp }] of contents) {
    const expected = known.model.page(snapshot.lsn, pageIndex).stamp
    mustHold(stamp === expected, 'I4', () => `page ${pageIndex} at ${snapshot.lsn} has stamp ${stamp}, expected ${expected}`)
  }
}
