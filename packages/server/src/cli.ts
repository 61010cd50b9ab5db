#!/usr/bin/env node
import process from 'node:process'
import { runCli } from './cli/run.ts'

const EXIT_INTERRUPTED = 130
const interrupt = new AbortController()

for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    // The first one asks; whoever asks twice does not want to wait.
    if (interrupt.signal.aborted) process.exit(EXIT_INTERRUPTED)
    interrupt.abort()
  })
}
// `graft-ts log … | head` closes the pipe early; nobody is left to tell.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

const { stdout, stderr, env } = process
void runCli(process.argv.slice(2), { stdout, stderr, env, signal: interrupt.signal, nowMs: Date.now }).then((exitCode) => {
  process.exitCode = exitCode
})
