import { noisePage, openHarness, pagesOf, range } from '../harness.ts'
import { ScriptedStore } from '../scripted-store.ts'

/** A volume with `count` pages of noise in one commit. */
export async function withVolume(count: number, options: Parameters<typeof openHarness>[0] = {}) {
  let scripted: ScriptedStore | undefined
  const harness = openHarness({
    ...options,
    wrap: (store) => {
      scripted = new ScriptedStore(store)
      return scripted
    },
  })
  const volumeId = harness.newVolume()
  const pages = pagesOf(range(1, count), 0, noisePage)
  const ref = await harness.write(volumeId, pages)
  const lsn = await harness.commit(volumeId, { base: 0, pageCount: count, refs: [ref] })
  harness.store.reset()
  return { ...harness, volumeId, pages, ref, lsn, scripted: scripted as unknown as ScriptedStore }
}

/** Reads a stream to its end. */
export async function drain(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream);
}
