import { Splinter, SplinterView } from '@graft-ts/splinter'
import {
  type Changes,
  type CommitRecord,
  type Lsn,
  layerCountMax,
  layerLsn,
  lowerFloor,
  PAGE_INDEX_MAX,
  type PageSet,
  packOffsets,
  type RollupLayer,
} from '@graft-ts/volume'

/** One record of a range, and how many of its layers belong to it. */
export interface RangeStep {
  readonly lsn: Lsn
  /** The record stands for (lsn - 2^layers, lsn]. */
  readonly layers: number
}

/**
 * Which records tell what changed in (since, until], newest first. With no layers missing, their own sets and layers
 * cover the range exactly, each commit once. At most 2 * log2(until) steps, all known before anything is read.
 */
export function decomposeRange(since: Lsn, until: Lsn): RangeStep[] {
  const steps: RangeStep[] = []
  for (let position: number = until; position > since; ) {
    let layers = 0
    for (let span = 2; position % span === 0 && position - span >= since; span *= 2) layers++
    steps.push({ lsn: position as Lsn, layers })
    position -= 2 ** layers
  }
  return steps
}

/** A set of changed pages that one record contributes to a range: its own set (layer 0) or one of its layers. */
export interface RangeSection {
  readonly record: CommitRecord
  readonly layer: number
  readonly pages: PageSet
  /** The lowest floor from the start of this section's sub-range up to the record. */
  readonly floor: number | undefined
}

/** A record's own set and its first `layers` layers, newest first. */
export function sectionsOf(record: CommitRecord, layers: number): RangeSection[] {
  const own: RangeSection = { record, layer: 0, pages: record.own, floor: record.floor }
  const older = record.layers.slice(0, layers).map((layer, i) => ({
    record,
    layer: i + 1,
    pages: layer.pages,
    floor: layer.floor,
  }))
  return [own, ...older]
}

/** The commit that wrote the page at `position` of a section. */
export function sectionLsn(section: RangeSection, position: number): Lsn {
  const { record, layer } = section
  return layer === 0 ? record.lsn : layerLsn(record.layers[layer - 1] as RollupLayer, record.lsn, layer, position)
}

/** What changed over sections that are in order, newest first (I9): each page once, nothing above a newer floor (I5). */
export function rollUp(sections: Iterable<RangeSection>): Changes {
  const pages = new Splinter()
  let floor: number | undefined
  for (const section of sections) {
    pages.addAll(upToFloor(section.pages, floor))
    floor = lowerFloor(floor, section.floor)
  }
  return { pages, floor }
}

function upToFloor(pages: PageSet, floor: number | undefined): PageSet {
  if (floor === undefined || (pages.last() ?? 0) <= floor) return pages
  return new Splinter().addAll(pages).deleteRange(floor + 1, PAGE_INDEX_MAX)
}

/** The records that the layers of a commit at `lsn` are made from: layer i from record `lsn - 2^(i-1)`. */
export function layerSources(lsn: Lsn): Lsn[] {
  return Array.from({ length: layerCountMax(lsn) }, (_, i) => (lsn - 2 ** i) as Lsn)
}

/** What the rollup layers of a new commit depend on, besides the history: its position, own set and floor. */
export type NewCommit = Pick<CommitRecord, 'lsn' | 'own' | 'floor'>

/**
 * Makes the rollup layers of a new commit from records.
 *
 * A layer is left out, with all above it, when its source lacks layers or when it would take the layers over
 * `bytesMax`; readers then need more rounds, never other answers.
 *
 * @param sources The records of {@link layerSources}, in that order.
 */
export function buildLayers(commit: NewCommit, sources: readonly CommitRecord[], bytesMax: number): RollupLayer[] {
  const layers: RollupLayer[] = []
  const newer = new Splinter().addAll(commit.own)
  let floor = commit.floor
  let bytes = 0
  for (const [i, source] of sources.entries()) {
    if (source.layers.length < i) break
    const layer = buildLayer(commit.lsn, i + 1, sectionsOf(source, i), { newer, floor, bytesLeft: bytesMax - bytes })
    if (layer === undefined) break
    bytes += layerByteLength(layer.pages, i + 1)
    layers.push(layer)
    newer.addAll(layer.pages)
    floor = layer.floor
  }
  return layers
}

/** Layer number `layer` from the sections of its source, less what newer sets hold or cut off; `undefined`: it is too large. */
function buildLayer(
  lsn: Lsn,
  layer: number,
  sections: readonly RangeSection[],
  above: { newer: Splinter; floor: number | undefined; bytesLeft: number },
): (RollupLayer & { readonly pages: SplinterView }) | undefined {
  // Sections of one record are disjoint and cut already; only what is newer than the record can hide a page.
  const visible = sections.map(({ pages }) => new Splinter().addAll(upToFloor(pages, above.floor)).deleteAll(above.newer))
  const all = Splinter.unionAll(visible)
  const pages = new SplinterView(all.toBytes(), { trusted: true })
  if (layerByteLength(pages, layer) > above.bytesLeft) return undefined
  const floor = sections.reduce((lowest, section) => lowerFloor(lowest, section.floor), above.floor)
  // The first layer stands for one commit, so it needs no offsets: a commit of a million pages is not walked for it.
  if (layer === 1) return { pages, packedOffsets: packOffsets([], layer), floor }
  const offsets = new Array<number>(all.size)
  for (const [i, section] of sections.entries()) {
    const seen = visible[i] as Splinter
    let position = 0
    for (const page of section.pages) {
      if (seen.has(page)) offsets[all.rank(page) - 1] = sectionLsn(section, position) - (lsn - 2 ** layer) - 1
      position++
    }
  }
  return { pages, packedOffsets: packOffsets(offsets, layer), floor }
}

/** What a layer takes in a record. */
export function layerByteLength(pages: SplinterView, layer: number): number {
  return pages.bytes.length + Math.ceil((pages.size * (layer - 1)) / 8)
}
