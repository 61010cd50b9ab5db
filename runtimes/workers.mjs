// Workers in workerd, the runtime of Cloudflare Workers, with what miniflare puts behind their bindings.
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const at = (path) => fileURLToPath(new URL(path, import.meta.url))

/** miniflare, or `undefined` where npm did not install it. */
export const Miniflare = await import('miniflare').then(
  (module) => module.Miniflare,
  () => undefined,
)
/** Why there is none. */
export const MISSING = 'npm did not install miniflare'

/**
 * Bundles and starts `workerd/{name}.mjs` on loopback.
 *
 * @param options Those of miniflare.
 * @returns Its address, how to ask it for JSON, and how to stop it.
 */
export async function startWorker(name, options) {
  const worker = new Miniflare({
    modules: [{ type: 'ESModule', path: `${name}.mjs`, contents: await bundle(`workerd/${name}.mjs`) }],
    compatibilityDate: '2026-07-01',
    host: '127.0.0.1',
    ...options,
  })
  const { origin } = await worker.ready
  return {
    baseUrl: origin,
    ask: async (path, body = null) => {
      const response = await worker.dispatchFetch(`${origin}/${path}`, { method: 'POST', body: JSON.stringify(body) })
      const text = await response.text()
      if (!response.ok) throw new Error(`the worker ${name} answered ${response.status}: ${text}`)
      return JSON.parse(text)
    },
    stop: () => worker.dispose(),
  }
}

async function bundle(entry) {
  const { outputFiles } = await build({
    entryPoints: [at(entry)],
    bundle: true,
    write: false,
    logLevel: 'error',
    format: 'esm',
    platform: 'neutral',
    target: 'es2022',
    mainFields: ['module', 'main'],
    external: ['node:*'],
    alias: { events: at('workerd/events.mjs') },
  })
  return outputFiles[0].text
}
