// The local store as a folder of LevelDB: who has it, and what is in it after its owner was killed.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { runtimes, startOwner } from '../processes.mjs'
import { testSkipped } from './results.mjs'

let folder
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'graft-local-'))
})
afterEach(() => rm(folder, { recursive: true }))

const LOCKED = { refusal: 'conflict LOCAL_STORE_LOCKED' }

describe('a local store of LevelDB', () => {
  for (const runtime of ['node', 'bun', 'deno']) testOn(runtime)
})

function testOn(runtime) {
  const { missing } = runtimes[runtime]
  if (missing !== undefined) {
    testSkipped(`on ${runtime}`, missing)
    return
  }

  test(`I12: on ${runtime} it has one owner, and whoever comes after a kill -9 finds all that was committed`, async () => {
    const owner = await startOwner(runtime, folder)
    expect(owner.told).toMatchObject({ found: 0, pages: [] })
    for (const other of [runtime, 'node']) expect(await tellingOf(other)).toEqual(LOCKED)
    await owner.kill()
    expect(await tellingOf('node')).toMatchObject({ found: 3, pages: [1, 2, 3] })
    expect(await tellingOf(runtime)).toMatchObject({ found: 6, pages: [1, 2, 3, 4, 5, 6] })
  })
}

/** What a process tells that comes and goes. */
async function tellingOf(runtime) {
  const { told, stop } = await startOwner(runtime, folder)
  await stop()
  return told
}
