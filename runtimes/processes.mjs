// Programs under the runtimes that are processes: where they are, how they are started, how they are stopped.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const STOP_MS = 5000
// Many times what any of them needs.
const LIFETIME_MS_MAX = 240_000
const at = (path) => fileURLToPath(new URL(path, import.meta.url))
// The programs themselves: a script around one would be what signals reach.
const DENO_PLATFORM = `${process.platform}-${process.arch}${process.platform === 'linux' ? '-glibc' : ''}`
const DENO = at(`node_modules/@deno/${DENO_PLATFORM}/deno`)
const BUN_PLATFORM = `${process.platform}-${process.arch === 'arm64' ? 'aarch64' : process.arch}`
const BUN = at(`node_modules/@oven/bun-${BUN_PLATFORM}/bin/bun`)
// The oldest Node that the packages claim; tests on Node otherwise run on the current one.
const OLD_NODE_PLATFORM = `${process.platform}-${process.arch}`
const OLD_NODE = at(`oldest-node/node_modules/node-${OLD_NODE_PLATFORM}/bin/node`)
// Nothing is fetched: packages come from the folders that npm made.
const DENO_ARGS = ['run', '--no-remote', '--no-lock', '--node-modules-dir=manual', '--no-check', '--allow-all']

/** Runtimes by name: `command` begins their command lines, `host` is their program in `hosts/`; `missing` says why there is none. */
export const runtimes = {
  node: { command: [process.execPath], host: 'node' },
  'node-22': existsSync(OLD_NODE)
    ? { command: [OLD_NODE], host: 'node' }
    : { missing: `npm did not install it for ${OLD_NODE_PLATFORM}` },
  bun: existsSync(BUN)
    ? { command: [BUN, '--no-install'], host: 'bun' }
    : { missing: `npm did not install it for ${BUN_PLATFORM}` },
  deno: existsSync(DENO)
    ? { command: [DENO, ...DENO_ARGS], host: 'deno' }
    : { missing: `npm did not install it for ${DENO_PLATFORM}` },
}

/**
 * Starts a runtime's program of `hosts/` over an empty folder.
 *
 * @returns Where it listens, and how to stop it: by the end of its standard input, and after a while by force.
 */
export async function startHost(runtime, settings) {
  const folder = await mkdtemp(join(tmpdir(), 'graft-host-'))
  const env = { GRAFT_FOLDER: folder, GRAFT_SETTINGS: JSON.stringify(settings.server) }
  const { told, stop } = await startTelling(runtime, [at(`hosts/${runtimes[runtime].host}.mjs`)], env)
  return {
    baseUrl: told.baseUrl,
    stop: async () => {
      await stop()
      await rm(folder, { recursive: true })
    },
  }
}

/**
 * Starts `owner.mjs`, which takes over the local store in a folder.
 *
 * @returns What it found there, how to stop it, and how to kill it.
 */
export function startOwner(runtime, folder) {
  return startTelling(runtime, [at('owner.mjs'), folder], {})
}

/**
 * Runs `pusher.mjs` on Node.
 *
 * @returns What it tells; `undefined`: it killed itself before.
 */
export async function runPusher(folder, { diesAt, size }, server) {
  const env = { GRAFT_SERVER: JSON.stringify(server) }
  const { told, stop } = await startTelling('node', [at('pusher.mjs'), folder, String(diesAt), size], env)
  if (told !== undefined) await stop()
  return told
}

/** Starts a program that tells something on its first line, and then goes on until its standard input ends. */
async function startTelling(runtime, args, env) {
  const child = start(runtime, args, env)
  const closed = once(child, 'close')
  const stop = async () => {
    child.stdin.end()
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
    const [code, signal] = await closed
    clearTimeout(timer)
    if (code !== 0) throw new Error(`${args[0]} on ${runtime} ended with ${code ?? signal}`)
  }
  const kill = async () => {
    child.kill('SIGKILL')
    await closed
  }
  const line = createInterface(child.stdout)[Symbol.asyncIterator]()
  const { done, value } = await line.next()
  if (!done) return { told: JSON.parse(value), stop, kill }
  const [, signal] = await closed
  if (signal === 'SIGKILL') return { told: undefined }
  throw new Error(`${args[0]} on ${runtime} did not start`)
}

/** Runs suites inside a runtime; gives what `runAll` gives. */
export async function runGuest(runtime, suites, server) {
  const child = start(runtime, [at('guest.mjs'), ...suites], { GRAFT_SERVER: JSON.stringify(server ?? null) })
  child.stdin.end()
  const lines = []
  const [[code]] = await Promise.all([
    once(child, 'close'),
    (async () => {
      for await (const line of createInterface(child.stdout)) lines.push(line)
    })(),
  ])
  if (code !== 0) throw new Error(`${suites} on ${runtime} ended with ${code}: ${lines.join('\n')}`)
  return JSON.parse(lines.at(-1))
}

function start(runtime, args, env) {
  const [program, ...first] = runtimes[runtime].command
  return spawn(program, [...first, ...args], {
    env: { ...process.env, NO_COLOR: '1', DENO_NO_UPDATE_CHECK: '1', ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
    timeout: LIFETIME_MS_MAX,
    killSignal: 'SIGKILL',
  })
}
