import { openHarness } from '../harness.ts'
import { ScriptedStore } from '../scripted-store.ts'

/** A harness whose segment uploads wait until the test lets them go. */
export function openGated(options: Parameters<typeof openHarness>[0] = {}) {
  const gates: { key: string; open: () => void; fail: (error: unknown) => void }[] = []
  let scripted: ScriptedStore | undefined
  const harness = openHarness({
    ...options,
    wrap: (store) => {
      scripted = new ScriptedStore(store)
      scripted.onCreate = (forward, key, body, callOptions) =>
        new Promise((resolve, reject) => {
          gates.push({ key, open: () => resolve(forward(key, body, callOptions)), fail: reject })
        })
      return scripted
    },
  })
  return { ...harness, gates, scripted: scripted as unknown as ScriptedStore }
}

/** The keys of all segments. */
export async function segmentKeys(
  store: { list: (options: { prefix: string }) => Promise<{ entries: readonly { key: string }[] }> },
  prefix = 'segments/',
) {
  return (await store.list({ prefix })).entries.map((entry) => entry.key)
}
