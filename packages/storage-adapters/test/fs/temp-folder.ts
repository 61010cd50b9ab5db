import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** A new folder. The caller removes it, with {@link removeFolder}. */
export function newFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'graft-fs-store-'))
}

export function removeFolder(path: string): Promise<void> {
  return rm(path, { recursive: true, force: true })
}

/** A new folder that goes when the test is over. */
export async function tempFolder(): Promise<string> {
  const path = await newFolder()
  onTestFinished(() => removeFolder(path))
  return path
}
