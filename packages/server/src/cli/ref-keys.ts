import { readFile } from 'node:fs/promises'
import type { RefKey } from '@graft-ts/protocol'
import { fileError } from '../files/errors.ts'
import { CliError } from './errors.ts'

const SECRET_BYTES_MIN = 32

/** Reads the keys that sign segment refs: one a line, its name and its secret in base64. Throws {@link CliError}. */
export async function readRefKeys(path: string): Promise<RefKey[]> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    throw fileError(error, path)
  }
  return parseRefKeys(text, path)
}

/** The keys in a text. Throws {@link CliError} `REF_KEYS_FILE`, which names the line and never the secret. */
export function parseRefKeys(text: string, path: string): RefKey[] {
  const keys: RefKey[] = []
  for (const [index, line] of text.split('\n').entries()) {
    const parts = line.trim().split(/\s+/)
    if (parts[0] === '' || parts[0]?.startsWith('#') === true) continue
    const secret = parts.length === 2 ? decodeSecret(parts[1] as string) : undefined
    if (secret === undefined) throw new CliError('REF_KEYS_FILE', `not a key, path=${path} line=${index + 1}`)
    keys.push({ id: parts[0] as string, secret })
  }
  if (keys.length === 0) throw new CliError('REF_KEYS_FILE', `no key in the file, path=${path}`)
  return keys
}

function decodeSecret(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return undefined
  const secret = new Uint8Array(Buffer.from(text, 'base64'))
  return secret.length >= SECRET_BYTES_MIN ? secret : undefined
}
