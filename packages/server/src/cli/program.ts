import { Command } from '@commander-js/extra-typings'
import { addExport } from './commands/export.ts'
import { addImport } from './commands/import.ts'
import { addInspect } from './commands/inspect.ts'
import { addKey } from './commands/key.ts'
import { addLog } from './commands/log.ts'
import { addPull } from './commands/pull.ts'
import { addReset } from './commands/reset.ts'
import { addServe } from './commands/serve.ts'
import { addStatus } from './commands/status.ts'
import { addToken } from './commands/token.ts'
import { EXIT_CODES_HELP } from './exit-codes.ts'
import type { CliContext } from './io.ts'

/** What the parser writes by itself. */
export interface ProgramOutput {
  readonly writeOut: (text: string) => void
  readonly writeErr: (text: string) => void
}

const DESCRIPTION = `Keeps volumes of fixed-size pages on an object store, and replicates them lazily.

Every command but serve, key and token takes --server URL (a running server) or --store DIR (works on a store's folder itself).`

/** Puts the commands together. Nothing ends the process: everything comes out as an exception. */
export function createProgram(version: string, makeContext: (isJson: boolean) => CliContext, output: ProgramOutput): Command {
  const program = new Command('graft-ts')
    .description(DESCRIPTION)
    .version(version)
    .exitOverride()
    .showHelpAfterError(false)
    // Errors are shown by the caller, like all others.
    .configureOutput({ ...output, outputError: () => undefined })
    .addHelpText('after', `\n${EXIT_CODES_HELP}`)
  addServe(program, makeContext)
  addImport(program, makeContext)
  addExport(program, makeContext)
  addLog(program, makeContext)
  addPull(program, makeContext)
  addStatus(program, makeContext)
  addInspect(program, makeContext)
  addReset(program, makeContext)
  addKey(program, makeContext)
  addToken(program, makeContext)
  return program
}
