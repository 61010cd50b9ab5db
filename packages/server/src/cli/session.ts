import { mkdir } from 'node:fs/promises'
import { Client } from '@graft-ts/client'
import { leap } from '@graft-ts/prefetch-leap'
import { ClassicLevel } from 'classic-level'
import { diagnose } from './diagnose.ts'
import { CliError } from './errors.ts'
import type { CliContext } from './io.ts'
import {
  chooseRemote,
  type LocalOptions,
  localDirectory,
  type OpenRemote,
  openRemote,
  type Remote,
  type RemoteOptions,
} from './remote.ts'
import { tokenSource } from './token-source.ts'

/** Options of a session. */
export interface SessionOptions {
  /** Makes the folder of a store that does not exist. */
  readonly isStoreMade?: boolean
}

/** Runs with the other side open, and closes it whatever happens. */
export async function withRemote<T>(
  { io }: CliContext,
  options: RemoteOptions,
  session: SessionOptions,
  run: (remote: OpenRemote, choice: Remote) => Promise<T>,
): Promise<T> {
  const choice = chooseRemote(options)
  const remote = await openRemote(choice, {
    isStoreMade: session.isStoreMade ?? false,
    token: tokenSource(options, io.env),
    env: io.env,
  })
  try {
    return await closing(() => run(remote, choice), remote.close)
  } catch (error) {
    throw await diagnose(error, choice)
  }
}

/** Runs with a client on its own local store, and closes everything whatever happens. */
export function withClient<T>(
  context: CliContext,
  options: RemoteOptions & LocalOptions,
  session: SessionOptions,
  run: (client: Client, remote: OpenRemote) => Promise<T>,
): Promise<T> {
  return withRemote(context, options, session, async (remote, choice) => {
    const directory = localDirectory(options, choice, context.io.env)
    await makeLocalDirectory(directory)
    const store = new ClassicLevel<string, Uint8Array>(directory, { keyEncoding: 'utf8', valueEncoding: 'view' })
    const client = await Client.open({ transport: remote.transport, store, prefetcher: leap() })
    return closing(
      () => run(client, remote),
      () => client.close(),
    )
  })
}

async function makeLocalDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 })
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new CliError('LOCAL_DIRECTORY', `cannot make the folder of the local store, path=${directory} reason=${code}`, {
      cause,
    })
  }
}

/** Closes what was opened. When both the work and the closing fail, the work's error is the one that tells. */
async function closing<T>(run: () => Promise<T>, close: () => Promise<void>): Promise<T> {
  let result: T
  try {
    result = await run()
  } catch (error) {
    await close().catch(() => undefined)
    throw error
  }
  await close()
  return result
}
