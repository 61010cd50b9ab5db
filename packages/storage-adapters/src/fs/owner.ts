import { createHash } from 'node:crypto'
import { readFile, readlink } from 'node:fs/promises'
import { hostname } from 'node:os'
import process from 'node:process'
import { errnoOf } from './files.ts'

/**
 * Who staged a file: process, when that process started, boot of the machine, process namespace, host name, and one
 * opened store in the process. Part of file names, so that what a crashed process left can be told from what is in use.
 */
export interface Owner {
  readonly pid: string
  readonly start: string
  readonly boot: string
  readonly namespace: string
  readonly host: string
  readonly instance: string
}

/** The owner that this process is, for one opened store. Where /proc is missing, fields are `0`. */
export async function currentOwner(instance: string): Promise<Owner> {
  const pid = String(process.pid)
  return {
    pid,
    start: (await processStart(pid)) ?? '0',
    boot: shortHash(await readOr('0', () => readFile('/proc/sys/kernel/random/boot_id', 'utf8'))),
    namespace: shortHash(await readOr('0', () => readlink('/proc/self/ns/pid'))),
    host: shortHash(hostname()),
    instance,
  }
}

/** The text form of an owner: letters, digits and dashes. */
export function formatOwner(owner: Owner): string {
  return [owner.pid, owner.start, owner.boot, owner.namespace, owner.host, owner.instance].join('-')
}

/** Reads the text form; `undefined` if it is none. */
export function parseOwner(text: string): Owner | undefined {
  const [pid, start, boot, namespace, host, instance, more] = text.split('-')
  if (pid === undefined || start === undefined || boot === undefined) return undefined
  if (namespace === undefined || host === undefined || instance === undefined || more !== undefined) return undefined
  return /^[1-9]\d*$/.test(pid) ? { pid, start, boot, namespace, host, instance } : undefined
}

/**
 * Tells whether the process of an owner is certainly gone. `false` also means that nobody knows: another machine or
 * container. A wrong answer would cost that process a repetition, never data.
 */
export async function isGone(owner: Owner, self: Owner): Promise<boolean> {
  if (owner.host !== self.host || owner.instance === self.instance) return false
  if (owner.boot !== self.boot) return true
  if (owner.namespace !== self.namespace) return false
  const start = await processStart(owner.pid)
  return start === undefined || start !== owner.start
}

/** When a process started, in ticks since boot: tells it from a later one with the same id. `undefined`: not running. */
async function processStart(pid: string): Promise<string | undefined> {
  try {
    const status = await readFile(`/proc/${pid}/stat`, 'utf8')
    // The name in parentheses may hold spaces and parentheses; the start time is the 20th field behind it.
    return status.slice(status.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return isRunning(Number(pid)) ? '0' : undefined
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errnoOf(error) !== 'ESRCH'
  }
}

async function readOr(fallback: string, read: () => Promise<string>): Promise<string> {
  try {
    return await read()
  } catch {
    return fallback
  }
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8)
}
