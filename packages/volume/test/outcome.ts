import { isTypedError } from '../src/index.ts'

/** How a call ended: 'ok', or kind and code of its typed error. Anything else is a failure of the test. */
export async function outcomeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call
    return 'ok'
  } catch (error) {
    if (isTypedError(error)) return `${error.kind} ${error.code}`
    throw error
  }
}
