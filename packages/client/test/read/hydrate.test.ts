import { describe, expect, test } from 'vitest'
import type { HydrateOptions, HydrateResult, Volume, VolumeSnapshot } from '../../src/index.ts'
import { openWorld, page, pushedVolume, stampOf, type World } from '../harness.ts'

// A step of hydration is 4096 pages.
const PAGES = 5000

async function manyPages(): Promise<{ world: World; volume: Volume }> {
  const world = openWorld()
  const volume = await pushedVolume((await world.open()).client, { [PAGES]: 50 })
  return { world, volume }
}

/** Hydrates in a client that has nothing yet, and notes what it is told. */
async function hydrated(options: HydrateOptions): Promise<{ told: string[]; result: HydrateResult; snapshot: VolumeSnapshot }> {
  const { world, volume } = await manyPages()
  const snapshot = (await (await world.open()).client.openVolume(volume.volumeId)).snapshot()
  const told: string[] = []
  const onProgress: HydrateOptions['onProgress'] = ({ pagesDone, pagesTotal }) => void told.push(`${pagesDone}/${pagesTotal}`)
  return { told, result: await snapshot.hydrate({ onProgress, ...options }), snapshot }
}

describe('hydration tells how far it is', () => {
  test('after each step, up to all pages of the volume', async () => {
    const { told, result, snapshot } = await hydrated({})
    expect(told).toEqual(['4096/5000', '5000/5000'])
    expect(result).toEqual({ pagesFetched: PAGES, pagesMissing: 0 })
    // Pages that are there already count like others.
    const again: number[] = []
    expect((await snapshot.hydrate({ onProgress: ({ pagesDone }) => void again.push(pagesDone) })).pagesFetched).toBe(0)
    expect(again).toEqual([4096, PAGES])
  })

  test('of the pages that were asked for, each once', async () => {
    const { told, result, snapshot } = await hydrated({ pages: [PAGES, 7, 7, 3, PAGES] })
    expect(told).toEqual(['3/3'])
    expect(result).toEqual({ pagesFetched: 3, pagesMissing: 0 })
    expect(stampOf(snapshot.readCached(PAGES) ?? page(0))).toBe(50)
    expect(snapshot.readCached(8)).toBeUndefined()
  })

  test('not at all where there is nothing to do', async () => {
    const { told, result } = await hydrated({ pages: [] })
    expect({ told, result }).toEqual({ told: [], result: { pagesFetched: 0, pagesMissing: 0 } })
  })
})

describe('hydration ends early', () => {
  test.each(['its signal', 'what it tells throws'] as const)('by %s, and what came until then stays', async (why) => {
    const { world, volume } = await manyPages()
    const snapshot = (await (await world.open()).client.openVolume(volume.volumeId)).snapshot()
    const ending = new AbortController()
    const told: number[] = []
    const onProgress: HydrateOptions['onProgress'] = ({ pagesDone }) => {
      told.push(pagesDone)
      if (why === 'its signal') ending.abort()
      else throw new RangeError('enough')
    }
    const failure = why === 'its signal' ? { code: 'ABORTED' } : { message: 'enough' }
    await expect(snapshot.hydrate({ signal: ending.signal, onProgress })).rejects.toMatchObject(failure)
    expect(told).toEqual([4096])
    world.calls.length = 0
    expect(await snapshot.hydrate({ pages: Array.from({ length: 4096 }, (_, i) => i + 1) })).toMatchObject({ pagesFetched: 0 })
    expect(world.calls).toEqual([])
    expect((await snapshot.hydrate()).pagesFetched).toBe(PAGES - 4096)
  })
})
