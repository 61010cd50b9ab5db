import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Writable } from 'node:stream'
import { runCli } from '../../src/cli/run.ts'

/** What a command left. */
export interface Outcome {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** How a command is run. */
export interface RunOptions {
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly signal?: AbortSignal
  /** Makes standard error a terminal, and is told what is written to it. */
  readonly onTerminal?: (text: string) => void
  readonly nowMs?: () => number
}

/** Runs one command in this process. */
export async function graft(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const stdout = collector()
  const stderr = collector(options.onTerminal)
  const exitCode = await runCli(args, {
    stdout,
    stderr: Object.assign(stderr, { isTTY: options.onTerminal !== undefined }),
    env: options.env ?? {},
    signal: options.signal ?? new AbortController().signal,
    nowMs: options.nowMs ?? (() => 0),
  })
  return { exitCode, stdout: stdout.text(), stderr: stderr.text() }
}

function collector(onWrite: (text: string) => void = () => undefined): Writable & { text: () => string } {
  let collected = ''
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      collected += chunk.toString('utf8')
      onWrite(chunk.toString('utf8'))
      done()
    },
  })
  return Object.assign(stream, { text: () => collected })
}

/** Runs one command that must succeed, and gives back its JSON document. */
export async function graftJson<T = Record<string, unknown>>(args: readonly string[], options?: RunOptions): Promise<T> {
  const { exitCode, stdout, stderr } = await graft([...args, '--json'], options)
  if (exitCode !== 0 || stderr !== '') throw new Error(`graft-ts ${args.join(' ')} ended with ${exitCode}: ${stderr}`)
  return JSON.parse(stdout) as T
}

/** Exit code and error code of a command that must fail; nothing may be on standard output. */
export async function graftError(args: readonly string[], options?: RunOptions): Promise<[number, string]> {
  const { exitCode, stdout, stderr } = await graft([...args, '--json'], options)
  if (stdout !== '') throw new Error(`graft-ts ${args.join(' ')} printed ${stdout}`)
  return [exitCode, (JSON.parse(stderr) as { error: { code: string } }).error.code]
}

/** A real database of about 45 pages. */
export function makeDatabase(path: string): DatabaseSync {
  const db = new DatabaseSync(path)
  db.exec(`
    CREATE TABLE word (id INTEGER PRIMARY KEY, text TEXT NOT NULL, count INTEGER NOT NULL DEFAULT 0);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
      INSERT INTO word (id, text) SELECT i, printf('%0150d', i) FROM n;
  `)
  return db
}

/** SHA-256 of a file. */
export async function sha256(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex')
}

/** Flips one bit in the middle of a file; flips it back when it is called again. */
export async function flipBit(path: string): Promise<void> {
  const bytes = await readFile(path)
  const middle = Math.floor(bytes.length / 2)
  bytes[middle] = (bytes[middle] as number) ^ 1
  await writeFile(path, bytes)
}

/** Options of a command that works on a store of its own, with a local store of its own. */
export function inFolder(folder: string, local = 'local'): string[] {
  return ['--store', join(folder, 'store'), '--local', join(folder, local)]
}
