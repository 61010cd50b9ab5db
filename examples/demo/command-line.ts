// Runs the command line `graft-ts` as its users do: as a process of its own.
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'

const STOP_MS_MAX = 10_000

/** Path of the command line's program, beside the package's entry: source or built, whichever is used. */
export const COMMAND_LINE_PATH: string = fileURLToPath(import.meta.resolve('@graft-ts/server')).replace(
  /index\.(ts|js)$/,
  'cli.$1',
)

function start(args: readonly string[]): ChildProcessByStdio<null, Readable, null> {
  return spawn(process.execPath, [...process.execArgv, COMMAND_LINE_PATH, ...args, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

/** Runs one command to its end. Throws if it fails. */
export async function runCommand<T>(...args: readonly string[]): Promise<T> {
  const child = start(args)
  const [chunks, [exitCode]] = await Promise.all([child.stdout.toArray(), once(child, 'exit')])
  if (exitCode !== 0) throw new Error(`graft-ts ${args[0]} failed, exit code ${exitCode}`)
  return JSON.parse(Buffer.concat(chunks as Buffer[]).toString('utf8')) as T
}

/** A server in a process of its own. */
export interface ServerProcess {
  readonly url: string
  /** Settles when the process has ended; the argument is its exit code. */
  readonly ended: Promise<number | null>
  /** Asks it to stop, and waits until it has. */
  readonly stop: () => Promise<void>
}

/** Starts `graft-ts serve` on any free port. */
export async function startServerProcess(storeDirectory: string): Promise<ServerProcess> {
  const child = start(['serve', '--store', storeDirectory, '--port', '0', '--allow-everybody'])
  const ended = once(child, 'exit').then(([exitCode]) => exitCode as number | null)
  const lines = createInterface({ input: child.stdout })
  const first = await Promise.race([once(lines, 'line'), ended])
  if (!Array.isArray(first)) throw new Error(`the server did not start, exit code ${first}`)
  const { url } = JSON.parse(first[0] as string) as { url: string }
  return {
    url,
    ended,
    async stop() {
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX)
      await ended
      clearTimeout(timer)
    },
  }
}
