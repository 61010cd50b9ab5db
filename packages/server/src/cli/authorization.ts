import { type Authorize, allowEverybody } from '@graft-ts/protocol'
import { type Jwk, type JwtIssuer, type JwtLog, jwtAuthorize } from '@graft-ts/protocol/jwt'
import { CliError } from './errors.ts'
import { parseKeys, readKeys } from './key-files.ts'

/** How the options of `serve` say who may do what. */
export interface AuthorizationOptions {
  readonly allowEverybody?: boolean | undefined
  readonly jwtIssuer?: string | undefined
  readonly jwtAudience?: string | undefined
  readonly jwtKeys?: readonly string[] | undefined
  readonly jwtKeysUrl?: string | undefined
}

/** What the choice is made with. */
export interface AuthorizationScope {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly nowMs: () => number
  readonly log: JwtLog
}

const KEYS_VARIABLE = 'GRAFT_TS_JWT_KEYS'

/**
 * Decides who may do what. Nothing is the default: a server that forgot to ask would be open without anybody noticing.
 *
 * @throws {@link CliError} `AUTHORIZATION_NEEDED`, `USAGE`, `KEY_FILE`; what `jwtAuthorize` throws.
 */
export async function chooseAuthorization(options: AuthorizationOptions, scope: AuthorizationScope): Promise<Authorize> {
  const { jwtIssuer, jwtAudience, jwtKeys, jwtKeysUrl } = options
  const isJwt = [jwtIssuer, jwtAudience, jwtKeys, jwtKeysUrl].some((option) => option !== undefined)
  if (options.allowEverybody === true) {
    if (isJwt) throw new CliError('USAGE', 'give either --allow-everybody or the --jwt options, not both')
    return allowEverybody
  }
  if (!isJwt) throw new CliError('AUTHORIZATION_NEEDED', 'who may do what? nobody is let in unless that is said')
  if (jwtIssuer === undefined || jwtAudience === undefined) {
    throw new CliError('USAGE', '--jwt-issuer and --jwt-audience go together')
  }
  const issuer: JwtIssuer = { issuer: jwtIssuer, ...(await keysOf(options, scope.env)) }
  return jwtAuthorize({ issuers: [issuer], audience: jwtAudience, nowMs: scope.nowMs, log: scope.log })
}

async function keysOf(
  { jwtKeys, jwtKeysUrl }: AuthorizationOptions,
  env: AuthorizationScope['env'],
): Promise<{ readonly keysUrl: string } | { readonly keys: readonly Jwk[] }> {
  if (jwtKeysUrl !== undefined) {
    if (jwtKeys !== undefined) throw new CliError('USAGE', 'give either --jwt-keys or --jwt-keys-url, not both')
    return { keysUrl: jwtKeysUrl }
  }
  if (jwtKeys !== undefined) return { keys: (await Promise.all(jwtKeys.map(readKeys))).flat() }
  const text = env[KEYS_VARIABLE]
  if (text === undefined || text === '') {
    throw new CliError('USAGE', `which keys? give --jwt-keys FILE, --jwt-keys-url URL, or ${KEYS_VARIABLE} in the environment`)
  }
  return { keys: parseKeys(text, KEYS_VARIABLE) }
}
