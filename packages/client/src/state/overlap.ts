import type { Splinter } from '@graft-ts/splinter'
import type { Changes } from '@graft-ts/volume'
import { type LocalCommit, pagesAbove } from './local-commit.ts'

/** What a local commit and a change of others are compared by. */
export type Footprint = Pick<LocalCommit, 'own' | 'reads' | 'floor' | 'usesPageCount' | 'isolation'>

/**
 * Whether what others changed touches what a transaction stands on.
 *
 * Length is data: pages above a floor have changed, and so has the page count where it differs.
 *
 * @param changes What others changed since the transaction's base.
 * @param pageCountChanged Whether the page count is another one than at its base.
 */
export function overlaps(footprint: Footprint, changes: Changes, pageCountChanged: boolean): boolean {
  if (isLengthTouched(footprint, changes, pageCountChanged) || isTouched(footprint.own, changes)) return true
  return footprint.isolation === 'serializable' && isTouched(footprint.reads, changes)
}

/**
 * The pages that a merge would have to settle, so that a transaction can stay as it is: those that it wrote itself and
 * others changed.
 *
 * @returns Fresh; empty where nothing overlaps. `undefined`: no merge can, because it only read what others changed, or
 * because of the length.
 */
export function pagesToMerge(footprint: Footprint, changes: Changes, pageCountChanged: boolean): Splinter | undefined {
  const { own, reads, isolation } = footprint
  if (isLengthTouched(footprint, changes, pageCountChanged)) return undefined
  if (isolation === 'serializable' && isTouched(reads.difference(own), changes)) return undefined
  const touched = own.intersection(changes.pages)
  return changes.floor === undefined ? touched : touched.addAll(own.intersection(pagesAbove(changes.floor)))
}

function isLengthTouched({ usesPageCount, floor }: Footprint, changes: Changes, pageCountChanged: boolean): boolean {
  if (usesPageCount && pageCountChanged) return true
  // What it cut off it has overwritten, with nothing.
  return floor !== undefined && (changes.pages.last() ?? 0) > floor
}

function isTouched(pages: Splinter, changes: Changes): boolean {
  if (!pages.isDisjointFrom(changes.pages)) return true
  return changes.floor !== undefined && (pages.last() ?? 0) > changes.floor
}
