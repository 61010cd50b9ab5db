import type { Lsn, VolumeId } from '@graft-ts/volume'
import type { RecordCache } from './record-cache.ts'
import { decomposeRange, type RangeSection, sectionsOf } from './rollup.ts'
import type { StoredCommit } from './stored-commit.ts'

/**
 * Reads the sections of (since, until], newest first: one parallel round of reads, more only where layers were left out.
 *
 * @param until An existing commit.
 */
export async function readSections(
  records: RecordCache,
  volumeId: VolumeId,
  range: { readonly since: Lsn; readonly until: Lsn },
): Promise<RangeSection[]> {
  const sections: RangeSection[] = []
  for (let position: number = range.until; position > range.since; ) {
    const steps = decomposeRange(range.since, position as Lsn)
    const commits = await Promise.all(steps.map((step) => records.get(volumeId, step.lsn)))
    for (const [i, step] of steps.entries()) {
      const { record } = commits[i] as StoredCommit
      const layers = Math.min(step.layers, record.layers.length)
      for (const section of sectionsOf(record, layers)) sections.push(section)
      position -= 2 ** layers
      if (layers < step.layers) break
    }
  }
  return sections
}
