import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const FILE = fileURLToPath(new URL('../seeds.json', import.meta.url))

/** A seed that failed once, and why. */
export interface KeptSeed {
  readonly seed: number
  readonly why: string
}

/** Every seed that ever failed, oldest first. They run before all others. */
export function readKeptSeeds(): KeptSeed[] {
  return existsSync(FILE) ? (JSON.parse(readFileSync(FILE, 'utf8')) as KeptSeed[]) : []
}

/** Keeps a seed that has failed. */
export function keepSeed(kept: KeptSeed): void {
  const all = readKeptSeeds()
  if (all.some(({ seed }) => seed === kept.seed)) return
  writeFileSync(FILE, `${JSON.stringify([...all, kept], undefined, 2)}\n`)
}
