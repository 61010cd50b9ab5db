// Who issues tokens in these tests, and what servers and callers know of it. JSON, so that it passes to any runtime.
import { newSigningKey, signToken } from '@graft-ts/protocol/jwt'

const ISSUER = 'https://login.example'
const AUDIENCE = 'https://graft.example'
const LIFETIME_MS = 600_000

/** New keys: `server` is for hosts, `caller` for those who talk to them. */
export async function newSettings() {
  const { publicKey, privateKey } = await newSigningKey()
  const refSecret = Array.from(crypto.getRandomValues(new Uint8Array(32)))
  return {
    server: { issuer: ISSUER, audience: AUDIENCE, publicKey, refSecret },
    caller: { issuer: ISSUER, audience: AUDIENCE, privateKey },
  }
}

/** What `httpTransport` asks for tokens. By default they allow everything on every volume. */
export function tokenOf(caller, { subject = 'tester', actions = ['read', 'write', 'create'], volumes = '*', ...other } = {}) {
  const { privateKey, issuer, audience } = { ...caller, ...other }
  const grants = [{ actions, volumes }]
  return () => signToken(privateKey, { issuer, audience, subject, grants, lifetimeMs: LIFETIME_MS })
}
