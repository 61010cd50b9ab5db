import { create, type DescMethodUnary, type MessageShape, toBinary } from '@bufbuild/protobuf'
import type { HandlerContext, MethodImpl } from '@connectrpc/connect'
import { codeToHttpStatus, errorToJsonBytes } from '@connectrpc/connect/protocol-connect'
import type { Timers } from '@graft-ts/volume'
import { CallContext } from './call-context.ts'
import { toConnectError } from './errors.ts'

/** What a call with one answer is asked for with, by all who speak protobuf. */
export const UNARY_CONTENT_TYPE = 'application/proto'

/** A method with one answer, and what it does. */
export interface UnaryMethod {
  readonly method: DescMethodUnary
  readonly impl: MethodImpl<DescMethodUnary>
}

/** What has to happen before a method is asked. */
export interface BeforeAnswer {
  /** Lets the call in; what it throws is the answer. */
  readonly admit: (context: HandlerContext) => Promise<void>
  /** @param signal Fires when the call is over, and with it the use of the request's bytes. */
  readonly readRequest: (signal: AbortSignal) => Promise<MessageShape<DescMethodUnary['input']>>
  readonly timers: Timers
}

// Without a reason each end of a call would make an exception, with its stack.
const CALL_IS_OVER = 'the call is over'

/** Answers a call with one answer as Connect's own handler does, without its copies of bodies. Never rejects. */
export async function answerUnary(request: Request, { method, impl }: UnaryMethod, before: BeforeAnswer): Promise<Response> {
  const context = new CallContext(request, method, before.timers)
  try {
    await before.admit(context)
    if (context.timeoutError !== undefined) throw context.timeoutError
    const answer = await impl(await before.readRequest(context.signal), context)
    const bytes = toBinary(method.output, create(method.output, answer))
    return new Response(bytes, { headers: context.answerHeaders(UNARY_CONTENT_TYPE) })
  } catch (thrown) {
    return errorResponse(thrown, context)
  } finally {
    context.abort(CALL_IS_OVER)
  }
}

function errorResponse(thrown: unknown, context: CallContext): Response {
  const error = toConnectError(thrown)
  // What somebody else's server said beside its error is about its answer, not this one.
  if (!error.isWireError) for (const [name, value] of error.metadata) context.responseHeader.append(name, value)
  const bytes = errorToJsonBytes(error, undefined) as Uint8Array<ArrayBuffer>
  return new Response(bytes, { status: codeToHttpStatus(error.code), headers: context.answerHeaders('application/json') })
}
