// Chromium, with pages that run `browser/page.mjs`: where it is, how it is started, how its pages are asked.
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { chromium } from 'playwright-core'
import { installDebianPackages, ToolChainMissing } from '../e2e/servers/tool-chain.ts'

const at = (path) => fileURLToPath(new URL(path, import.meta.url))
// What Debian and others call it, and where macOS and Windows keep one.
const PROGRAMS = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  'C:/Program Files/Google/Chrome/Application/chrome.exe',
]
const CALL_MS_MAX = 30_000

/** `{ program }`, or `{ missing }`: why there is none. On a Debian that we may install on, it is installed. */
export async function findChromium() {
  const find = () => [process.env.CHROMIUM, chromium.executablePath(), ...PROGRAMS].find((path) => path && existsSync(path))
  const program = find()
  if (program !== undefined) return { program }
  try {
    await installDebianPackages(['chromium'], ['chromium'])
    return { program: find() }
  } catch (error) {
    if (!(error instanceof ToolChainMissing)) throw error
    return { missing: `there is no Chromium: ${error.message}; name one in CHROMIUM` }
  }
}

/** Serves an empty page with the script, on loopback: an origin of its own, as pages of an application are. */
export async function servePages() {
  const { outputFiles } = await build({
    entryPoints: [at('browser/page.mjs')],
    bundle: true,
    write: false,
    logLevel: 'error',
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    // What `abstract-level` asks for, wherever that lies.
    alias: { events: at('node_modules/events/events.js') },
  })
  const server = createServer((request, response) => {
    const isScript = request.url === '/page.js'
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html')
    response.end(isScript ? outputFiles[0].text : '<!doctype html><script type="module" src="/page.js"></script>')
  })
  await new Promise((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, resolve))
  const stop = () => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  }
  return { origin: `http://127.0.0.1:${server.address().port}`, stop }
}

/**
 * Starts a browser on a folder of its own, as one user has it; what its pages store is there after `restart`.
 *
 * @param origin Of the pages.
 */
export async function startChromium(program, origin) {
  const folder = await mkdtemp(join(tmpdir(), 'graft-chromium-'))
  const start = () => chromium.launchPersistentContext(folder, { executablePath: program })
  let context = await start()
  return {
    tab: () => openTab(context, origin),
    setOffline: (isOffline) => context.setOffline(isOffline),
    /** Ends all of its processes at once, and starts it again. */
    async restart() {
      const closed = context.waitForEvent('close')
      const session = await context.browser().newBrowserCDPSession()
      session.send('Browser.crash').catch(() => undefined)
      await closed
      context = await start()
    },
    async stop() {
      await context.close()
      await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 })
    },
  }
}

async function openTab(context, origin) {
  const page = await context.newPage()
  await page.goto(origin)
  await page.waitForFunction(() => globalThis.ask !== undefined)
  const ask = (call, options) => page.evaluate(([name, given]) => globalThis.ask(name, given), [call, options])
  return {
    reload: () => page.reload(),
    /** A command of the DevTools protocol. */
    command: async (name, options) => (await context.newCDPSession(page)).send(name, options),
    /** What a call gives. */
    async call(call, options) {
      const { value, refusal } = await withinDeadline(ask(call, options), call)
      if (refusal !== undefined) throw new Error(`${call}: ${refusal}`)
      return value
    },
    /** Kind and code of what a call throws; `undefined`: nothing. */
    async refusal(call, options) {
      return (await withinDeadline(ask(call, options), call)).refusal
    },
    /** The tab is closed, without a word to what runs in it. */
    close: () => page.close({ runBeforeUnload: false }),
    /** The process behind it dies. */
    async crash() {
      const crashed = page.waitForEvent('crash')
      const session = await context.newCDPSession(page)
      // It has nobody left to answer.
      session.send('Page.crash').catch(() => undefined)
      await crashed
    },
  }
}

async function withinDeadline(running, call) {
  let timer
  const late = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${call}: not done after ${CALL_MS_MAX} ms`)), CALL_MS_MAX)
  })
  try {
    return await Promise.race([running, late])
  } finally {
    clearTimeout(timer)
  }
}
