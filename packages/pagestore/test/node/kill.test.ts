import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openDiskFrameCache } from '../../src/node.ts'
import { found } from './small-cache.ts'
import { withFolder } from './temporary.ts'

const BYTES_MAX = 64 * 2 ** 20

/** Starts a process that writes to the cache, and kills it when it has said so many times that something was written. */
async function writeUntilKilled(directory: string, name: string, messages: number): Promise<string[]> {
  const child = fork(new URL('cache-child.ts', import.meta.url), [directory, name], {
    execArgv: ['--conditions=@graft-ts/source'],
  })
  const written: string[] = []
  let count = 0
  child.on('message', (keys: string[]) => {
    for (const key of keys) written.push(key)
    count += 1
    if (count === messages) child.kill('SIGKILL')
  })
  const [, signal] = (await once(child, 'exit')) as [number, string]
  expect(signal).toBe('SIGKILL')
  return written
}

test('kill -9 at any point, of one process or of two on one folder, loses nothing that was written and gives nothing wrong', async () => {
  await withFolder(async (directory) => {
    const written: string[] = []
    for (const [round, messages] of [1, 30, 7, 55, 2].entries()) {
      const killed = await Promise.all([
        writeUntilKilled(directory, `one ${round}`, messages),
        writeUntilKilled(directory, `other ${round}`, messages + 3),
      ])
      for (const key of killed.flat()) written.push(key)
      const cache = await openDiskFrameCache({ directory, bytesMax: BYTES_MAX })
      expect(await found(cache, written)).toEqual(written)
      expect(cache.metrics()).toMatchObject({ failures: 0 })
      await cache.close()
    }
    expect(written.length).toBeGreaterThan(2 * 95)
    const files = await readdir(directory)
    expect(files.length).toBeGreaterThanOrEqual(10)
    expect(files.length).toBeLessThan(64)
    for (const file of files) expect((await stat(join(directory, file))).size).toBeLessThanOrEqual(BYTES_MAX / 64)
  })
})
