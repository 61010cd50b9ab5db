import { type Command, Option } from '@commander-js/extra-typings'
import { type DiskFrameCache, type DiskFrameCacheOptions, openDiskFrameCache } from '@graft-ts/pagestore/node'
import type { JwtEvent } from '@graft-ts/protocol/jwt'
import type { ServerEvent } from '../../events.ts'
import { collectLessOften } from '../../heap.ts'
import type { ServerRoles } from '../../options.ts'
import { startServer } from '../../start-server.ts'
import { type AuthorizationOptions, chooseAuthorization } from '../authorization.ts'
import { examples, type MakeContext } from '../command-options.ts'
import type { CliContext } from '../io.ts'
import { parseInteger } from '../numbers.ts'
import { openStore } from '../open-store.ts'
import { printResult } from '../output.ts'
import { type PageStoreFlags, readPageStoreFlags, withPageStoreFlags } from '../page-store.ts'
import { readRefKeys } from '../ref-keys.ts'
import { parseStoreAddress } from '../store-address.ts'

interface ServeOptions extends AuthorizationOptions, PageStoreFlags {
  readonly store: string
  readonly host: string
  readonly port: string
  readonly role: ServerRoles
  readonly refKeys?: string | undefined
  readonly allowRemote?: boolean | undefined
  readonly cors?: readonly string[] | undefined
  readonly fsync: boolean
  readonly verbose?: boolean | undefined
}

/** Adds `graft-ts serve`. */
export function addServe(program: Command, makeContext: MakeContext): void {
  const command = program
    .command('serve')
    .summary('serve an object store over HTTP')
    .description(
      'Serves an object store over HTTP until it is interrupted. Who may do what has to be said: by signed tokens, or --allow-everybody.',
    )
    .requiredOption('--store <place>', 'the object store: a folder, made if it does not exist, or s3://BUCKET/PREFIX')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <number>', 'port to listen on; 0: any free one', '7420')
    .addOption(new Option('--role <role>', 'which stores to serve').choices(['both', 'meta', 'pages']).default('both' as const))
    .option('--ref-keys <file>', 'keys that sign segment refs; the same for a meta store and a page store of their own')
    .option('--allow-remote', 'allow an address that other machines can reach')
    .option('--cors <origin...>', "let pages of these origins call it from browsers, such as https://app.example; '*': all")
    .option('--jwt-issuer <name>', 'let in those who have a signed token of this issuer')
    .option('--jwt-audience <name>', 'the name of this deployment in tokens')
    .option(
      '--jwt-keys <file...>',
      'public keys of the issuer, as FILE.pub of graft-ts key (default: GRAFT_TS_JWT_KEYS, the keys themselves)',
    )
    .option('--jwt-keys-url <url>', 'where the issuer publishes its keys')
    .option('--allow-everybody', 'ask nobody for a token: for throw-away data on this machine')
  withPageStoreFlags(command)
    .option('--fsync', 'make each write survive a crash of the machine', true)
    .option('--no-fsync', 'do not: for tests and throw-away data')
    .option('--verbose', 'report each request and each segment on standard error, one JSON document a line')
    .option('--json', 'print the address as one JSON document')
    .addHelpText(
      'after',
      examples(
        'serve --store ./data --allow-everybody',
        'serve --store ./data --jwt-issuer ops --jwt-audience graft --jwt-keys ./signing.pub',
        'serve --store ./data --jwt-issuer https://login.example --jwt-audience graft --jwt-keys-url https://login.example/jwks',
        'serve --store "s3://bucket/graft?endpoint=https://s3.example" --jwt-issuer ops --jwt-audience graft --jwt-keys ./signing.pub',
        'serve --store s3://bucket/graft --allow-everybody --cache-dir /var/cache/graft --cache-bytes 20G --hedge 0.05',
        'serve --store ./data --role meta --port 7421 --ref-keys ./keys --allow-everybody',
        'serve --store ./data --role pages --port 7422 --ref-keys ./keys --allow-everybody',
      ),
    )
    .action((options) => serve(makeContext(options.json === true), options))
}

async function serve(context: CliContext, options: ServeOptions): Promise<void> {
  const { signal, env, nowMs } = context.io
  const log = (event: ServeEvent): void => report(context, options, event)
  const port = parseInteger(options.port, '--port', { min: 0, max: 65_535 })
  const refKeys = options.refKeys === undefined ? undefined : await readRefKeys(options.refKeys)
  const authorize = await chooseAuthorization(options, { env, nowMs, log: (event) => log({ type: 'authorization', event }) })
  const pages = readPageStoreFlags(options, options.role)
  const { store, close } = await openStore(parseStoreAddress(options.store), { isMade: true, fsync: options.fsync, env })
  collectLessOften()
  let frameCache: DiskFrameCache | undefined
  try {
    frameCache = pages.frameCache && (await openFrameCache(pages.frameCache, log))
    const server = await startServer({
      stores: { segments: store, commits: store },
      roles: options.role,
      host: options.host,
      port,
      allowRemote: options.allowRemote === true,
      authorize,
      ...(refKeys !== undefined && { refKeys }),
      ...(options.cors !== undefined && { cors: { origins: options.cors } }),
      limits: { pages: pages.limits },
      pagestore: { ...pages.options, ...(frameCache !== undefined && { frameCache }) },
      log,
    })
    const result = { url: server.url, port: server.port, role: options.role, store: options.store }
    printResult(context, result, ({ url }) => `listening on ${url}`)
    await fired(signal)
    await server.close()
  } finally {
    await frameCache?.close()
    await close()
  }
}

function openFrameCache(options: DiskFrameCacheOptions, log: (event: ServeEvent) => void): Promise<DiskFrameCache> {
  let isFirst = true
  const onFailure = (error: unknown): void => {
    log({ type: 'frame-cache-failed', isFirst, error })
    isFirst = false
  }
  return openDiskFrameCache({ ...options, onFailure })
}

type ServeEvent =
  | ServerEvent
  | { readonly type: 'authorization'; readonly event: JwtEvent }
  | { readonly type: 'frame-cache-failed'; readonly isFirst: boolean; readonly error: unknown }

function report({ io, isJson }: CliContext, options: ServeOptions, event: ServeEvent): void {
  const bug = bugOf(event)
  if (bug !== undefined) io.stderr.write(`error INTERNAL: ${bug}\n`)
  const warning = warningOf(event)
  if (warning !== undefined) io.stderr.write(warningText(warning, isJson))
  if (options.verbose === true)
    io.stderr.write(`${JSON.stringify({ time: new Date(io.nowMs()).toISOString(), ...event }, errorText)}\n`)
}

interface Warning {
  readonly code: string
  readonly message: string
}

/** What works, but not as an operator may think. */
function warningOf(event: ServeEvent): Warning | undefined {
  if (event.type === 'open-to-everybody') {
    const others = event.isLoopbackOnly ? 'everybody on this machine' : 'everybody who can reach it, also from other machines,'
    return { code: 'OPEN_TO_EVERYBODY', message: `${others} may read and write every volume, url=${event.url}` }
  }
  if (event.type === 'frame-cache-failed') {
    // One broken disk may fail thousands of times.
    if (!event.isFirst) return undefined
    return {
      code: 'FRAME_CACHE_FAILED',
      message: `the frame cache cannot use its disk, and goes on without: ${describe(event.error)}`,
    }
  }
  if (event.type !== 'authorization' || event.event.type !== 'keys-failed') return undefined
  const { issuer, reason } = event.event
  return { code: 'KEYS_UNAVAILABLE', message: `the keys of an issuer cannot be fetched: ${reason}, issuer=${issuer}` }
}

function warningText(warning: Warning, isJson: boolean): string {
  return isJson ? `${JSON.stringify({ warning })}\n` : `warning ${warning.code}: ${warning.message}\n`
}

/** What the operator has to know even if he asked for nothing. */
function bugOf(event: ServeEvent): string | undefined {
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
