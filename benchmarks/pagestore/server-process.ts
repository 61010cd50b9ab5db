import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'

/** What both servers are told on their command line, as JSON. */
export interface ServerSettings {
  /** Folder of the object store. */
  readonly folder: string
  readonly isDurable: boolean
  /** Whether pages are stored as they are; ours only. */
  readonly isRaw: boolean
  /** Folder of a cache on a disk, if there is to be one; ours only. */
  readonly diskCacheFolder?: string
  /** Bytes of frames in memory; 0: reads go to the store. The bare server keeps all or nothing. */
  readonly cacheBytesMax: number
}

/** What a server says when it is asked. */
export interface ServerReport {
  readonly peakBytes: number
  /** Time on processors since the start. */
  readonly cpuMs: number
}

/** A server in a process of its own. */
export interface ServerProcess {
  readonly port: number
  readonly report: () => Promise<ServerReport>
  readonly stop: () => Promise<void>
}

// Where `node --cpu-prof` puts what it saw of each server.
const PROFILES = process.env['BENCH_CPU_PROFILES']

/** Starts `ours` or `bare` of this folder. */
export async function startProcess(name: 'ours' | 'bare', settings: ServerSettings): Promise<ServerProcess> {
  const profiling =
    PROFILES === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${PROFILES}`, `--cpu-prof-name=${name}-${Date.now()}.cpuprofile`]
  const child = fork(new URL(`${name}.ts`, import.meta.url), [JSON.stringify(settings)], {
    execArgv: ['--conditions=@graft-ts/source', ...profiling],
  })
  const { port } = (await messageOf(child)) as { port: number }
  return {
    port,
    report: () => {
      child.send('report')
      return messageOf(child) as Promise<ServerReport>
    },
    stop: async () => {
      const gone = once(child, 'exit')
      child.send('stop')
      await gone
    },
  }
}

async function messageOf(child: ChildProcess): Promise<unknown> {
  const gone = once(child, 'exit').then(([code]) => {
    throw new Error(`a server ended, code=${code}`)
  })
  // When the message has come, its end is no news.
  gone.catch(() => undefined)
  const [message] = await Promise.race([once(child, 'message'), gone])
  return message
}

/** The other end: says where it listens, then answers until it is told to stop. */
export function serveParent(port: number, close: () => Promise<void>): void {
  process.on('message', (message) => {
    if (message === 'report') process.send?.(report())
    else void close().then(() => process.disconnect())
  })
  process.send?.({ port })
}

function report(): ServerReport {
  const { user, system } = process.cpuUsage()
  return { peakBytes: peakBytes(), cpuMs: (user + system) / 1000 }
}

/** The most memory that this process has had. What `getrusage` says of a child begins with its parent's. */
function peakBytes(): number {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS * 1024
  const [, kibibytes] = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? []
  return Number(kibibytes) * 1024
}

/** What a server was told. */
export function settingsOfProcess(): ServerSettings {
  return JSON.parse(process.argv[2] as string) as ServerSettings
}
