import { readFile } from 'node:fs/promises'
import { fileError } from '../files/errors.ts'
import { CliError } from './errors.ts'

/**
 * Where the token for a server comes from: `--token-file`, else `GRAFT_TS_TOKEN_FILE`, else `GRAFT_TS_TOKEN`. Never from
 * the command line itself, which every user of the machine can read. A file is read before each request, so that another
 * program can renew the token while a command is running.
 *
 * @returns `undefined`: requests go out without one.
 */
export function tokenSource(
  options: { readonly tokenFile?: string | undefined },
  env: Readonly<Record<string, string | undefined>>,
): (() => Promise<string>) | undefined {
  const path = options.tokenFile ?? env['GRAFT_TS_TOKEN_FILE']
  if (path !== undefined && path !== '') return () => readToken(path)
  const token = env['GRAFT_TS_TOKEN']
  return token === undefined || token === '' ? undefined : async () => checkToken(token, 'GRAFT_TS_TOKEN')
}

async function readToken(path: string): Promise<string> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    throw fileError(error, path)
  }
  return checkToken(text, path)
}

function checkToken(text: string, place: string): string {
  const token = text.trim()
  if (/^[!-~]+$/.test(token)) return token
  throw new CliError('TOKEN_FILE', `no token in it, or not only one, path=${place}`)
}
