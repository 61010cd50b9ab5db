import { type ErrorKind, isTypedError } from '@graft-ts/volume'
import { EXIT_BUG, EXIT_CODE_OF } from './exit-codes.ts'
import { hintOf } from './hints.ts'

/** A failure as it is shown. */
export interface ErrorReport {
  readonly exitCode: number
  /** For people: one line, then hint and notes. */
  readonly text: string
  /** For programs: one JSON document. */
  readonly json: string
}

/**
 * Works out how a failure is shown and which exit code it has.
 *
 * @param notes What the command wants to be known beside the error itself.
 * @param hasStack Shows where an error without a kind, which is a bug, came from.
 */
export function reportError(error: unknown, notes: readonly string[], hasStack: boolean): ErrorReport {
  const { kind, code, message } = describe(error)
  const hint = hintOf(code)
  const lines = [`error ${code}: ${oneLine(message)}`]
  if (hint !== undefined) lines.push(`hint: ${hint}`)
  for (const note of notes) lines.push(`note: ${note}`)
  if (hasStack && error instanceof Error && error.stack !== undefined) lines.push(error.stack)
  const json = JSON.stringify({ error: { kind, code, message, ...(hint !== undefined && { hint }), notes } })
  return { exitCode: kind === 'internal' ? EXIT_BUG : EXIT_CODE_OF[kind], text: `${lines.join('\n')}\n`, json: `${json}\n` }
}

function describe(error: unknown): { kind: ErrorKind | 'internal'; code: string; message: string } {
  if (isTypedError(error)) return error
  return { kind: 'internal', code: 'INTERNAL', message: error instanceof Error ? error.message : String(error) }
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ' ')
}
