import type { S3Client } from '@aws-sdk/client-s3'
import { abortedError, StoreError, throwIfAborted } from '../errors.ts'
import { untilAborted } from '../until-aborted.ts'
import { type CallNature, typedError } from './s3-errors.ts'

// As the middleware that the SDK's client brings is named and placed; the name is what makes this one take its place.
const RETRY_MIDDLEWARE = { name: 'retryMiddleware', step: 'finalizeRequest', priority: 'high', override: true } as const
const COUNTING_MIDDLEWARE = { name: 'graftCountingMiddleware', step: 'finalizeRequest', priority: 'low' } as const

type Handler = (args: unknown) => Promise<unknown>
type Middleware = (next: Handler) => Handler

/** The part of the SDK's commands that sending needs. */
interface Command {
  readonly middlewareStack: { add(middleware: Middleware, options: object): void }
}

/** How a command is to be sent. */
export interface SendOptions extends CallNature {
  readonly signal: AbortSignal | undefined
  /**
   * Sends one request at most, whatever the client does otherwise. A conditional write that is sent again after a lost
   * reply meets its own effect and calls it a conflict.
   */
  readonly isSentOnce: boolean
}

/** What tests and callers of {@link send} may pass: the method of the client, without its many overloads. */
type SendCommand = (command: Command, options: { abortSignal?: AbortSignal }) => Promise<unknown>

/**
 * Sends a command and tells its failure as a typed error.
 */
export async function send<Output>(client: S3Client, command: object, options: SendOptions): Promise<Output> {
  const { signal, isSentOnce } = options
  throwIfAborted(signal)
  const progress = { sent: 0 }
  const stack = (command as Command).middlewareStack
  if (isSentOnce) stack.add((next) => next, RETRY_MIDDLEWARE)
  stack.add(counting(progress, isSentOnce), COUNTING_MIDDLEWARE)
  const reply = (client.send as unknown as SendCommand).call(client, command as Command, signal ? { abortSignal: signal } : {})
  try {
    return (await untilAborted(reply, signal)) as Output
  } catch (error) {
    if (signal?.aborted !== true) throw typedError(error, options, progress)
    if (!options.isWrite || progress.sent === 0) throw abortedError(signal)
    throw new StoreError('STORE_OUTCOME_UNKNOWN', `${options.what}: stopped on its way`, { cause: error })
  }
}

/** Counts the requests of one command below all that could repeat them, and refuses a second one if there must be none. */
function counting(progress: { sent: number }, isSentOnce: boolean): Middleware {
  let failure: unknown
  return (next) => async (args) => {
    // Whoever repeats a request that must not be, a later version of the SDK for one, gets the first failure again.
    if (isSentOnce && progress.sent > 0) throw failure
    progress.sent++
    try {
      return await next(args)
    } catch (error) {
      failure = error
      throw error
    }
  }
}
