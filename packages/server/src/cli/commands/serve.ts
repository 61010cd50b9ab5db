import { type Command, Option } from '@commander-js/extra-typings'
import { allowEverybody } from '@graft-ts/protocol'
import { FsStore } from '@graft-ts/storage-adapters/fs'
import type { ServerEvent } from '../../events.ts'
import type { ServerRoles } from '../../options.ts'
import { startServer } from '../../start-server.ts'
import { examples, type MakeContext } from '../command-options.ts'
import type { CliContext } from '../io.ts'
import { parseInteger } from '../numbers.ts'
import { printResult } from '../output.ts'
import { readRefKeys } from '../ref-keys.ts'

interface ServeOptions {
  readonly store: string
  readonly host: string
  readonly port: string
  readonly role: ServerRoles
  readonly refKeys?: string | undefined
  readonly allowRemote?: boolean | undefined
  readonly fsync: boolean
  readonly verbose?: boolean | undefined
}

/** Adds `graft-ts serve`. */
export function addServe(program: Command, makeContext: MakeContext): void {
  program
    .command('serve')
    .summary('serve an object store over HTTP')
    .description('Serves an object store over HTTP until it is interrupted. Whoever can reach the address may read and write.')
    .requiredOption('--store <dir>', 'folder of the object store; made if it does not exist')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <number>', 'port to listen on; 0: any free one', '7420')
    .addOption(new Option('--role <role>', 'which stores to serve').choices(['both', 'meta', 'pages']).default('both' as const))
    .option('--ref-keys <file>', 'keys that sign segment refs; the same for a meta store and a page store of their own')
    .option('--allow-remote', 'allow an address that other machines can reach')
    .option('--fsync', 'make each write survive a crash of the machine', true)
    .option('--no-fsync', 'do not: for tests and throw-away data')
    .option('--verbose', 'report each request and each segment on standard error, one JSON document a line')
    .option('--json', 'print the address as one JSON document')
    .addHelpText(
      'after',
      examples(
        'serve --store ./data',
        'serve --store ./data --host 0.0.0.0 --allow-remote',
        'serve --store ./data --role meta --port 7421 --ref-keys ./keys',
        'serve --store ./data --role pages --port 7422 --ref-keys ./keys',
      ),
    )
    .action((options) => serve(makeContext(options.json === true), options))
}

async function serve(context: CliContext, options: ServeOptions): Promise<void> {
  const { signal } = context.io
  const port = parseInteger(options.port, '--port', { min: 0, max: 65_535 })
  const refKeys = options.refKeys === undefined ? undefined : await readRefKeys(options.refKeys)
  const store = await FsStore.open(options.store, { fsync: options.fsync, createDirectory: true })
  try {
    const server = await startServer({
      stores: { segments: store, commits: store },
      roles: options.role,
      host: options.host,
      port,
      allowRemote: options.allowRemote === true,
      authorize: allowEverybody,
      ...(refKeys !== undefined && { refKeys }),
      log: (event) => report(context, options, event),
    })
    const result = { url: server.url, port: server.port, role: options.role, store: options.store }
    printResult(context, result, ({ url }) => `listening on ${url}`)
    await fired(signal)
    await server.close()
  } finally {
    await store.close()
  }
}

function report({ io }: CliContext, options: ServeOptions, event: ServerEvent): void {
  const bug = bugOf(event)
  if (bug !== undefined) io.stderr.write(`error INTERNAL: ${bug}\n`)
  if (options.verbose === true)
    io.stderr.write(`${JSON.stringify({ time: new Date(io.nowMs()).toISOString(), ...event }, errorText)}\n`)
}

/** What the operator has to know even if he asked for nothing. */
function bugOf(event: ServerEvent): string | undefined {
  if (event.type === 'request-broken') return `${describe(event.error)}, path=${event.path}`
  if (event.type !== 'meta-store' || event.event.type !== 'request-failed' || event.event.kind !== 'untyped') return undefined
  return `${describe(event.event.error)}, method=${event.event.method}`
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

// Errors have no enumerable properties of their own, and would come out empty.
function errorText(_name: string, value: unknown): unknown {
  return value instanceof Error ? value.message : value
}

function fired(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
