import { Splinter } from '@graft-ts/splinter'
import {
  type ClientId,
  type CommitId,
  type FrameCodec,
  type Lsn,
  newClientId,
  newCommitId,
  newVolumeId,
  type PageSize,
  parsePageSize,
  type VolumeId,
} from '@graft-ts/volume'
import fc from 'fast-check'
import type { CommitAttempt } from '../src/index.ts'

/** Bytes of a test page. */
export const PAGE_SIZE: PageSize = parsePageSize(512)

let counter = 0
const source = {
  nowMs: () => 1_700_000_000_000,
  randomBytes: (length: number) => {
    counter++
    return Uint8Array.from({ length }, (_, i) => (counter / 256 ** i) % 256)
  },
}

export const volumeId = (): VolumeId => newVolumeId(source)
export const clientId = (): ClientId => newClientId(source)
export const commitId = (): CommitId => newCommitId(source)

/** Keeps tests quick: every frame is stored raw. */
export const rawCodec: FrameCodec = {
  deflateRaw: async (raw) => new Uint8Array(raw.length + 1),
  inflateRaw: async () => {
    throw new Error('nothing is compressed in this test')
  },
}

/** One transaction of a history: what it cut off, then what it wrote, then its length. */
export interface Step {
  readonly floor: number | undefined
  readonly pageCount: number
  readonly pages: readonly number[]
}

/** The whole volume at each LSN: which commit wrote each existing page. The model that everything is compared with. */
export interface State {
  readonly pageCount: number
  readonly writers: ReadonlyMap<number, Lsn>
}

/** Applies a history to a list of whole-volume states; index n is the state at LSN n. */
export function statesOf(steps: readonly Step[]): State[] {
  const states: State[] = [{ pageCount: 0, writers: new Map() }]
  for (const [i, step] of steps.entries()) {
    const before = states[i] as State
    const floor = step.floor ?? Number.POSITIVE_INFINITY
    const writers = new Map([...before.writers].filter(([page]) => page <= floor))
    for (const page of step.pages) writers.set(page, (i + 1) as Lsn)
    states.push({ pageCount: step.pageCount, writers })
  }
  return states
}

/** What changed in (since, until], straight from the plain commits. */
export function naiveChanges(
  steps: readonly Step[],
  since: number,
  until: number,
): { pages: number[]; floor: number | undefined } {
  const pages = new Set<number>()
  let floor = Number.POSITIVE_INFINITY
  for (let lsn = until; lsn > since; lsn--) {
    const step = steps[lsn - 1] as Step
    for (const page of step.pages) if (page <= floor) pages.add(page)
    floor = Math.min(floor, step.floor ?? Number.POSITIVE_INFINITY)
  }
  return { pages: [...pages].sort((a, b) => a - b), floor: floor === Number.POSITIVE_INFINITY ? undefined : floor }
}

/** Histories of growing and shrinking volumes, also shrinking and growing inside one transaction. */
export function histories(commitsMax: number): fc.Arbitrary<Step[]> {
  const raw = fc.record({
    cut: fc.option(fc.nat(24), { freq: 3, nil: undefined }),
    grow: fc.nat(12),
    pages: fc.uniqueArray(fc.integer({ min: 1, max: 24 }), { maxLength: 5 }),
  })
  return fc.array(raw, { minLength: 1, maxLength: commitsMax, size: 'max' }).map((moves) => {
    const steps: Step[] = []
    let pageCount = 0
    for (const { cut, grow, pages } of moves) {
      const floor = cut !== undefined && cut < pageCount ? cut : undefined
      pageCount = Math.max((floor ?? pageCount) + (grow > 8 ? grow : 0), ...pages)
      steps.push({ floor, pageCount, pages: [...pages].sort((a, b) => a - b) })
    }
    return steps
  })
}

/** The attempt that makes a step on a base. Its pages travel inline and hold the LSN, so that reads can be told apart. */
export function attemptOf(step: Step, baseLsn: number, ids: { client?: ClientId; commit?: CommitId } = {}): CommitAttempt {
  const pages = Splinter.from(step.pages)
  const data = new Uint8Array(step.pages.length * PAGE_SIZE)
  for (const [i, page] of step.pages.entries()) new DataView(data.buffer).setFloat64(i * PAGE_SIZE, (baseLsn + 1) * 1000 + page)
  return {
    baseLsn: baseLsn as Lsn,
    commitId: ids.commit ?? commitId(),
    clientId: ids.client ?? clientId(),
    pageSize: PAGE_SIZE,
    pageCount: step.pageCount,
    floor: step.floor,
    own: pages,
    refs: [],
    inline: { pages, data },
  }
}
