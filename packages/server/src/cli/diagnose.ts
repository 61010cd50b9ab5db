import { isTypedError } from '@graft-ts/volume'
import { CliError } from './errors.ts'
import type { Remote } from './remote.ts'

const PROBE_MS = 3000

/**
 * Finds out whether a call failed because something else than a graft-ts server is at the address, which from the call
 * alone often looks like a server that does not answer.
 *
 * @returns The error to show: a clearer one, or the one that was given.
 */
export async function diagnose(error: unknown, remote: Remote): Promise<unknown> {
  if (remote.type === 'store' || !isTypedError(error)) return error
  if (error.code !== 'NO_ANSWER' && error.code !== 'METHOD_UNKNOWN' && error.code !== 'OUTCOME_UNKNOWN') return error
  for (const url of [remote.baseUrl, remote.pagesBaseUrl]) {
    if (url !== undefined && (await isStranger(url))) {
      return new CliError('SERVER_NOT_GRAFT', `not a graft-ts server, url=${url}`, { cause: error })
    }
  }
  return error
}

/** Whether something answers, and not like a graft-ts server. */
async function isStranger(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(PROBE_MS), redirect: 'manual' })
    const text = await response.text()
    return !text.includes('"service":"graft-ts"')
  } catch {
    return false
  }
}
