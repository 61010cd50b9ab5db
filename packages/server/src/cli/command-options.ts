import type { Command, OptionValues } from '@commander-js/extra-typings'
import type { CliContext } from './io.ts'
import type { LocalOptions, RemoteOptions } from './remote.ts'

/** Makes the context of a command once its options are known. */
export type MakeContext = (isJson: boolean) => CliContext

const LOCAL_HELP =
  "folder of the client's own store (default: GRAFT_TS_LOCAL, else one for each remote in the data folder of the user)"

/** What {@link withRemoteOptions} adds. */
export type RemoteFlags = RemoteOptions & { readonly json?: true | undefined }

/** Adds the options that name the other side. */
export function withRemoteOptions<A extends unknown[], O extends OptionValues>(
  command: Command<A, O>,
): Command<A, O & RemoteFlags> {
  const extended: unknown = command
    .option('--server <url>', 'address of a running server, http://HOST:PORT')
    .option('--pages-server <url>', 'address of the page store, if it is another server')
    .option('--token-file <file>', 'file with the token for the server (default: GRAFT_TS_TOKEN_FILE, else GRAFT_TS_TOKEN)')
    .option(
      '--allow-plain-token',
      'send the token over plain http:// to another machine, in a network that nobody else can listen to',
    )
    .option('--store <place>', 'an object store, worked on without a server: a folder, or s3://BUCKET/PREFIX')
    .option('--json', 'print one JSON document')
  // The type that the compiler infers is the same, and too long for a declaration file.
  return extended as Command<A, O & RemoteFlags>
}

/** Adds the options of commands that work with a client's own store. */
export function withClientOptions<A extends unknown[], O extends OptionValues>(
  command: Command<A, O>,
): Command<A, O & RemoteFlags & LocalOptions> {
  const extended: unknown = withRemoteOptions(command).option('--local <dir>', LOCAL_HELP)
  return extended as Command<A, O & RemoteFlags & LocalOptions>
}

/** Examples below the help of a command. */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ graft-ts ${line}`).join('\n')}\n`
}
