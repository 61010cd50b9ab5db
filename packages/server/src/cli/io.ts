/** What the command line takes from its process; tests pass their own. */
export interface CliIo {
  readonly stdout: NodeJS.WritableStream
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean }
  readonly env: Readonly<Record<string, string | undefined>>
  /** Fires on Ctrl-C. */
  readonly signal: AbortSignal
  /** Milliseconds since 1970. */
  readonly nowMs: () => number
}

/** What a command is run with. */
export interface CliContext {
  readonly io: CliIo
  readonly isJson: boolean
  /** Adds a line that is shown behind the error, should the command fail. */
  readonly note: (text: string) => void
}
