import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { RECORD_PAYLOAD_BYTES_MAX } from '../src/index.ts'
import { HOSTILE_FILES, MULTIPLE_MAX } from './hostile-files.ts'

const MEGABYTE = 2 ** 20

/** What came of decoding files in a thread with so much memory: of the last one nothing, if the thread died of it. */
async function outcomesWithin(megabytes: number, names: readonly string[]): Promise<Map<string, string | undefined>> {
  const outcomes = new Map<string, string | undefined>()
  const worker = new Worker(new URL('hostile-worker.ts', import.meta.url), {
    workerData: names,
    execArgv: ['--conditions=@graft-ts/source'],
    resourceLimits: { maxOldGenerationSizeMb: megabytes, maxYoungGenerationSizeMb: 8 },
  })
  worker.on('message', ({ name, outcome }: { name: string; outcome?: string }) => outcomes.set(name, outcome))
  await once(worker, 'exit').catch((error: { code?: string }) => {
    if (error.code !== 'ERR_WORKER_OUT_OF_MEMORY') throw error
  })
  return outcomes
}

test('I11: no file takes more than a small multiple of its bytes', async () => {
  const names = HOSTILE_FILES.map(({ name }) => name)
  const outcomes = await outcomesWithin((MULTIPLE_MAX * RECORD_PAYLOAD_BYTES_MAX) / MEGABYTE, names)
  expect([...outcomes.keys()].slice(outcomes.size - 1)).toEqual(names.slice(-1))
  for (const [name, outcome] of outcomes)
    expect([name, outcome]).toEqual([name, expect.stringMatching(/^(ok|corrupt RECORD_CONTENT)$/)])
}, 240_000)

test('the limit is one: a thread that needs more dies', async () => {
  const name = 'segment: runs of which each is right'
  expect(await outcomesWithin(24, [name])).toEqual(new Map([[name, undefined]]))
}, 240_000)
