import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'

/** What {@link ServerProcess} starts. */
export interface ServerCommand {
  /** Names it in errors. */
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  /** The whole environment but for `PATH`: settings of the caller's shell must not reach a server. */
  readonly env?: Readonly<Record<string, string>>
  /** File that its output is added to. */
  readonly logPath: string
  /** Whether it serves; asked again and again until it does. */
  readonly isReady: () => Promise<boolean>
}

const READY_MS_MAX = 60_000
const POLL_MS = 50
const LOG_LINES = 20

/**
 * A server on this machine that lives no longer than this process: the kernel kills it when this process ends, however
 * that comes about. It is signalled through its own handle, never by name, and is the leader of a process group.
 */
export class ServerProcess {
  readonly #command: ServerCommand
  #child: ChildProcess | undefined

  constructor(command: ServerCommand) {
    this.#command = command
  }

  /** Starts it, again if it was killed, and waits until it serves. @throws {Error} with the end of its log. */
  async start(): Promise<void> {
    if (this.#child !== undefined) throw new Error(`already running: ${this.#command.name}`)
    const { name, command, args, env, logPath, isReady } = this.#command
    const log = openSync(logPath, 'a')
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', command, ...args], {
      stdio: ['ignore', log, log],
      env: { PATH: process.env['PATH'], ...env },
      detached: true,
    })
    closeSync(log)
    await once(child, 'spawn')
    this.#child = child
    const deadline = performance.now() + READY_MS_MAX
    while (!(await isReady())) {
      const isGone = child.exitCode !== null || child.signalCode !== null
      if (isGone || performance.now() > deadline) {
        await this.kill()
        throw new Error(`${name} ${isGone ? 'ended' : 'does not serve'}:\n${await endOf(logPath)}`)
      }
      await delay(POLL_MS)
    }
  }

  /** Kills its group at once, as a failure of the machine would, and waits until it is gone; fine if it is gone already. */
  async kill(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const exit = once(child, 'exit')
    // A child that is not reaped keeps its id, so this cannot be another's.
    process.kill(-(child.pid as number), 'SIGKILL')
    await exit
  }
}

async function endOf(logPath: string): Promise<string> {
  const lines = (await readFile(logPath, 'utf8')).trimEnd().split('\n')
  return lines.slice(-LOG_LINES).join('\n')
}

/** Whether something answers HTTP at an address, with anything but a failure of its own. */
export async function answersHttp(url: string): Promise<boolean> {
  try {
    const reply = await fetch(url)
    await reply.arrayBuffer()
    return reply.status < 500
  } catch {
    return false
  }
}
