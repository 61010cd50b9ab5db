import { readFile } from 'node:fs/promises'
import type { Jwk } from '@graft-ts/protocol/jwt'
import { fileError } from '../files/errors.ts'
import { CliError } from './errors.ts'

/** Reads a file that holds one key, as `graft-ts key` writes it. Throws {@link CliError} `KEY_FILE`, `FileError`. */
export async function readPrivateKey(path: string): Promise<Jwk> {
  const [jwk, ...more] = await readKeys(path)
  if (jwk !== undefined && more.length === 0 && typeof jwk['d'] === 'string') return jwk
  throw new CliError('KEY_FILE', `not a private key, path=${path}`)
}

/** Reads the keys of a file: one key, or several as a JWKS. Throws {@link CliError} `KEY_FILE`, `FileError`. */
export async function readKeys(path: string): Promise<readonly Jwk[]> {
  try {
    return parseKeys(await readFile(path, 'utf8'), path)
  } catch (error) {
    throw fileError(error, path)
  }
}

/** The keys in a text: one key, or several as a JWKS. Throws {@link CliError} `KEY_FILE`, with nothing of the text in it. */
export function parseKeys(text: string, place: string): readonly Jwk[] {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    // Without the engine's message, which quotes the text.
    throw new CliError('KEY_FILE', `not JSON, path=${place}`)
  }
  if (!isObject(parsed)) throw new CliError('KEY_FILE', `not a key, path=${place}`)
  const keys = 'keys' in parsed ? parsed['keys'] : [parsed]
  if (Array.isArray(keys) && keys.every(isObject)) return keys
  throw new CliError('KEY_FILE', `not a list of keys, path=${place}`)
}

function isObject(value: unknown): value is Jwk {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
