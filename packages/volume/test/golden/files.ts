import { damagedCases } from './damaged.ts'
import type { FrameWanted, GoldenCase, Reader } from './golden-case.ts'
import { goodCases } from './good.ts'

/** Where the files of version 1 lie. */
export const FIXTURES: URL = new URL('../fixtures/v1/', import.meta.url)

/** What the manifest says of a file. */
export interface ManifestEntry {
  readonly name: string
  readonly file: string
  readonly reader: Reader
  readonly wanted?: FrameWanted
  /** What a reader makes of it. */
  readonly says: unknown
}

/** All files: the manifest's entries, and their bytes. */
export async function goldenFiles(): Promise<{ entry: ManifestEntry; bytes: Uint8Array }[]> {
  const good = await goodCases()
  return [...good.map((each) => fileOf('good', each)), ...damagedCases(good).map((each) => fileOf('damaged', each))]
}

function fileOf(folder: string, { name, reader, bytes, wanted, says }: GoldenCase): { entry: ManifestEntry; bytes: Uint8Array } {
  const file = `${folder}/${reader}/${name.replaceAll(/[^a-z0-9]+/gi, '-')}.bin`
  return { entry: { name, file, reader, ...(wanted !== undefined && { wanted }), says }, bytes }
}

/** The manifest, an entry a line. */
export function manifestText(entries: readonly ManifestEntry[]): string {
  return `[\n${entries.map((entry) => JSON.stringify(entry)).join(',\n')}\n]\n`
}
