import { resolve } from 'node:path'
import { baseUrl, withoutSecrets } from './base-url.ts'
import { CliError } from './errors.ts'

/** A bucket of a server that speaks S3. */
export interface BucketAddress {
  readonly type: 'bucket'
  readonly bucket: string
  /** Whole segments that all keys are put below; empty: none. */
  readonly prefix: string
  /** Where the server is; `undefined`: AWS. */
  readonly endpoint: string | undefined
  /** `undefined`: what the environment of the AWS SDK says. */
  readonly region: string | undefined
  /** Whether the bucket is named in the path, not in the host name. */
  readonly isInPath: boolean
  readonly quoteEtags: boolean
  /** Whether the SDK adds a checksum to each PUT, or only where the server asks for one. */
  readonly checksums: 'supported' | 'required'
}

/** Where an object store is. */
export type StoreAddress = { readonly type: 'folder'; readonly directory: string } | BucketAddress

const SETTINGS = ['endpoint', 'region', 'path-style', 'quote-etags', 'checksums'] as const
type Setting = (typeof SETTINGS)[number]

/**
 * Reads what `--store` says: a folder, or `s3://BUCKET/PREFIX?endpoint=URL&region=NAME…`. A folder whose name begins like an
 * address is named `./s3:…`.
 *
 * @throws {@link CliError} `USAGE` if it is an address that makes no sense. Credentials in it are refused: they would show in
 * the list of processes, and the environment has a place for them.
 */
export function parseStoreAddress(text: string): StoreAddress {
  if (!/^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(text)) return { type: 'folder', directory: resolve(text) }
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || url.protocol !== 's3:' || url.hostname === '' || url.port !== '' || url.hash !== '') {
    throw usage('is a folder, or s3://BUCKET/PREFIX', withoutSecrets(text))
  }
  if (url.username !== '' || url.password !== '') throw credentials(text)
  const settings = settingsOf(url)
  const endpoint = endpointOf(settings.endpoint)
  return {
    type: 'bucket',
    bucket: url.hostname,
    prefix: prefixOf(url),
    endpoint,
    region: settings.region,
    // Few servers but AWS have a host name for each bucket.
    isInPath: choose('path-style', settings['path-style'] ?? String(endpoint !== undefined), ['true', 'false']) === 'true',
    quoteEtags: choose('quote-etags', settings['quote-etags'] ?? 'true', ['true', 'false']) === 'true',
    checksums: choose('checksums', settings.checksums ?? 'supported', ['supported', 'required']),
  }
}

/** Tells one store from another: how it is reached is left out, and so is a slash at the end. */
export function placeOf(address: StoreAddress): string {
  if (address.type === 'folder') return address.directory
  return JSON.stringify([address.endpoint ?? '', address.bucket, address.prefix])
}

function settingsOf({ searchParams }: URL): Readonly<Partial<Record<Setting, string>>> {
  const settings: Partial<Record<Setting, string>> = {}
  for (const [name, value] of searchParams) {
    const setting = SETTINGS.find((known) => known === name)
    if (setting === undefined) throw usage(`knows ${SETTINGS.join(', ')} behind the question mark`, name)
    if (settings[setting] !== undefined || value === '') throw usage(`takes one value for ${setting}`, value)
    settings[setting] = value
  }
  return settings
}

function prefixOf({ pathname }: URL): string {
  try {
    return decodeURIComponent(pathname).replace(/^\//, '').replace(/\/$/, '')
  } catch {
    throw usage('has a prefix with a % that escapes nothing', pathname)
  }
}

function endpointOf(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const endpoint = baseUrl(text, 'the endpoint of --store')
  if (new URL(endpoint).username !== '') throw credentials(endpoint)
  return endpoint
}

function choose<T extends string>(name: Setting, value: string, choices: readonly [T, T]): T {
  const choice = choices.find((known) => known === value)
  if (choice !== undefined) return choice
  throw usage(`takes ${choices.join(' or ')} for ${name}`, value)
}

function credentials(address: string): CliError {
  const what = 'must not hold credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY'
  return usage(what, withoutSecrets(address))
}

function usage(what: string, got: string): CliError {
  return new CliError('USAGE', `--store ${what}, got=${got}`)
}
