// The local store as a folder of LevelDB: who has it, and what is in it after its owner was killed.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { runPusher, runtimes, startHost, startOwner } from '../processes.mjs'
import { newSettings } from '../settings.mjs'
import { testSkipped } from './results.mjs'

let folder
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'graft-local-'))
})
afterEach(() => rm(folder, { recursive: true }))

// A request and its answer, the attempt before and the acknowledgement after it: at least these.
const STEPS_MIN = 6
const STEPS_MAX = 1000
const PUSHES_MS_MAX = 240_000
const LOCKED = { refusal: 'conflict LOCAL_STORE_LOCKED' }

describe('a local store of LevelDB', () => {
  for (const runtime of ['node', 'node-22', 'bun', 'deno']) testOn(runtime)
})

describe('a push', () => {
  for (const size of ['inline', 'large']) {
    test(
      `I6: that was killed at any step, ${size}, goes on with the next process, and commits once`,
      async () => {
        const settings = await newSettings()
        const host = await startHost('node', settings)
        const server = { baseUrl: host.baseUrl, caller: settings.caller }
        const pages = size === 'inline' ? [2, 2] : [2, 2, ...Array.from({ length: 18 }, (_, i) => i + 3)]
        try {
          for (let diesAt = 0; ; diesAt++) {
            const place = join(folder, String(diesAt))
            const survivor = await runPusher(place, { diesAt, size }, server)
            const told = survivor ?? (await runPusher(place, { diesAt: STEPS_MAX, size }, server))
            expect({ diesAt, told }).toEqual({ diesAt, told: { lsn: 2, pages, pending: 0 } })
            if (survivor === undefined) continue
            // It has come to its end alive: those before were all steps there are.
            expect(diesAt).toBeGreaterThanOrEqual(STEPS_MIN)
            break
          }
        } finally {
          await host.stop()
        }
      },
      PUSHES_MS_MAX,
    )
  }
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
