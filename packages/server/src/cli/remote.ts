import { createHash } from 'node:crypto'
import { homedir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { type EmbeddedTransport, embedded } from '@graft-ts/embedded'
import { type GraftTransport, httpTransport } from '@graft-ts/protocol'
import type { ObjectStore } from '@graft-ts/storage-adapters'
import { createNodeFrameCodec } from '@graft-ts/volume/node'
import { baseUrl } from './base-url.ts'
import { CliError } from './errors.ts'
import type { CliIo } from './io.ts'
import { openStore } from './open-store.ts'
import { parseStoreAddress, placeOf, type StoreAddress } from './store-address.ts'

/** How the options of a command name the other side. */
export interface RemoteOptions {
  readonly server?: string | undefined
  readonly pagesServer?: string | undefined
  readonly store?: string | undefined
  readonly tokenFile?: string | undefined
  readonly allowPlainToken?: true | undefined
}

/** The other side: servers, or an object store that this process works on itself. */
export type Remote =
  | {
      readonly type: 'server'
      readonly baseUrl: string
      readonly pagesBaseUrl: string | undefined
      /** Whether a token may go to other machines over plain http. */
      readonly allowPlainToken: boolean
    }
  | { readonly type: 'store'; readonly address: StoreAddress }

/** The other side, opened. */
export interface OpenRemote {
  readonly transport: GraftTransport
  /** The object store itself; `undefined` behind a server. */
  readonly store: ObjectStore | undefined
  readonly close: () => Promise<void>
}

/** Decides what the options mean. Throws {@link CliError} `USAGE`. */
export function chooseRemote(options: RemoteOptions): Remote {
  const { server, pagesServer, store, tokenFile, allowPlainToken = false } = options
  if (server !== undefined && store !== undefined) throw new CliError('USAGE', 'give either --server or --store, not both')
  if (store !== undefined) {
    if (pagesServer !== undefined) throw new CliError('USAGE', '--pages-server goes with --server only')
    if (tokenFile !== undefined) throw new CliError('USAGE', '--token-file goes with --server only')
    if (allowPlainToken) throw new CliError('USAGE', '--allow-plain-token goes with --server only')
    return { type: 'store', address: parseStoreAddress(store) }
  }
  if (server === undefined) throw new CliError('USAGE', 'where? give --server URL or --store PLACE')
  return {
    type: 'server',
    baseUrl: baseUrl(server, '--server'),
    pagesBaseUrl: pagesServer === undefined ? undefined : baseUrl(pagesServer, '--pages-server'),
    allowPlainToken,
  }
}

/** Where the client keeps its own data by default, and how that is found out. */
export interface LocalOptions {
  readonly local?: string | undefined
}

/**
 * Decides where the client's own store is: `--local`, else `GRAFT_TS_LOCAL`, else a folder of the user's, one for each
 * remote, so that commits which are not sent yet can never go to another one.
 */
export function localDirectory(options: LocalOptions, remote: Remote, env: Readonly<Record<string, string | undefined>>): string {
  const named = options.local ?? nonEmpty(env['GRAFT_TS_LOCAL'])
  if (named !== undefined) return resolve(named)
  const data = nonEmpty(env['XDG_DATA_HOME'])
  const base = data !== undefined && isAbsolute(data) ? data : join(nonEmpty(env['HOME']) ?? homedir(), '.local', 'share')
  const place = remote.type === 'server' ? remote.baseUrl : placeOf(remote.address)
  const name = createHash('sha256').update(`${remote.type} ${place}`).digest('hex').slice(0, 32)
  return join(base, 'graft-ts', name)
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text
}

/**
 * Opens the other side. Nothing is sent yet.
 *
 * @param options.isStoreMade Makes the folder of a store that does not exist.
 * @param options.token Asked before each request to a server.
 * @throws What {@link openStore} throws; `TOKEN_IN_CLEAR` if the token would go to another machine over plain http.
 */
export async function openRemote(
  remote: Remote,
  options: { readonly isStoreMade: boolean; readonly token: (() => Promise<string>) | undefined; readonly env: CliIo['env'] },
): Promise<OpenRemote> {
  if (remote.type === 'server') {
    const { baseUrl, pagesBaseUrl, allowPlainToken } = remote
    const { token } = options
    const transport = httpTransport({
      baseUrl,
      allowPlainToken,
      ...(pagesBaseUrl !== undefined && { pagesBaseUrl }),
      ...(token !== undefined && { token }),
    })
    return { transport, store: undefined, close: async () => undefined }
  }
  const { store, close } = await openStore(remote.address, { isMade: options.isStoreMade, env: options.env })
  const transport: EmbeddedTransport = embedded(store, { codec: createNodeFrameCodec() })
  return {
    transport,
    store,
    async close() {
      await transport.close()
      await close()
    },
  }
}
