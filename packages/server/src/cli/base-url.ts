import { CliError } from './errors.ts'

/** Reads the address of a server; gives it without slashes at its end. Throws {@link CliError} `USAGE`. */
export function baseUrl(text: string, name: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new CliError('USAGE', `${name} must be an address that begins with http:// or https://, got=${withoutSecrets(text)}`)
  }
  if (url.search !== '' || url.hash !== '')
    throw new CliError('USAGE', `${name} must not have a query or fragment, got=${withoutSecrets(text)}`)
  return url.href.replace(/\/+$/, '')
}

/** An address as it may be shown: without credentials, if there are any in it. */
export function withoutSecrets(address: string): string {
  return address.replace(/\/\/[^/@]*@/, '//…@')
}
