import { createRequire } from 'node:module'
import { CommanderError } from '@commander-js/extra-typings'
import { CliError } from './errors.ts'
import { EXIT_OK } from './exit-codes.ts'
import type { CliIo } from './io.ts'
import { createProgram } from './program.ts'
import { reportError } from './report-error.ts'

/**
 * Runs one command.
 *
 * @param args Without the names of program and script.
 * @returns The exit code. Never rejects.
 */
export async function runCli(args: readonly string[], io: CliIo): Promise<number> {
  const notes: string[] = []
  const note = (text: string): void => void notes.push(text)
  const output = {
    writeOut: (text: string) => void io.stdout.write(text),
    writeErr: (text: string) => void io.stderr.write(text),
  }
  const program = createProgram(version(), (isJson) => ({ io, isJson, note }), output)
  try {
    await program.parseAsync(args, { from: 'user' })
    return EXIT_OK
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === EXIT_OK) return EXIT_OK
    const report = reportError(shownError(error, args, io), notes, io.env['GRAFT_TS_DEBUG'] === '1')
    io.stderr.write(args.includes('--json') ? report.json : report.text)
    return report.exitCode
  }
}

/** The error as the user should see it. */
function shownError(error: unknown, args: readonly string[], io: CliIo): unknown {
  if (error instanceof CommanderError) return usageError(error, args)
  // Whatever broke off because of it, Ctrl-C is the reason.
  if (io.signal.aborted) return new CliError('INTERRUPTED', 'interrupted', { cause: error })
  return error
}

function usageError(error: CommanderError, args: readonly string[]): CliError {
  // Without a command the parser has shown the help already.
  const message = error.code === 'commander.help' ? 'a command is needed' : error.message.replace(/^error: /, '')
  const isCommand = error.code !== 'commander.unknownCommand' && /^[a-z]+$/.test(args[0] ?? '')
  const help = isCommand ? `graft-ts ${args[0]} --help` : 'graft-ts --help'
  return new CliError('USAGE', `${message}; see ${help}`, { cause: error })
}

function version(): string {
  // By its own name, so that it is found from the sources and from what is built.
  const manifest = createRequire(import.meta.url)('@graft-ts/server/package.json') as { version: string }
  return manifest.version
}
