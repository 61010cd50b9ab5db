import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { jwtAuthorize } from '@graft-ts/protocol/jwt'
import { newVolumeId, systemIdSource } from '@graft-ts/volume'
import { afterEach, describe, expect, test } from 'vitest'
import { readKeys } from '../../src/cli/key-files.ts'
import { tokenSource } from '../../src/cli/token-source.ts'
import { temporaryFolder } from '../temporary.ts'
import { graft, graftError, graftJson, makeDatabase, type Outcome, type RunOptions, sha256 } from './harness.ts'

const volumeId = newVolumeId(systemIdSource)
const NAMES = ['--issuer', 'ops', '--audience', 'graft', '--subject', 'me']
const JWT = ['--jwt-issuer', 'ops', '--jwt-audience', 'graft']
const servers: { stop: () => Promise<Outcome> }[] = []

afterEach(async () => {
  for (const { stop } of servers.splice(0)) await stop()
})

async function modeOf(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o777).toString(8)
}

/** A folder with a pair of keys. */
async function withKey(): Promise<{ folder: string; key: string; publicKey: string }> {
  const folder = await temporaryFolder()
  const key = join(folder, 'signing')
  await graftJson(['key', key])
  return { folder, key, publicKey: `${key}.pub` }
}

async function printedToken(key: string, ...options: readonly string[]): Promise<string> {
  const { token } = await graftJson<{ token: string }>(['token', '--key', key, ...NAMES, ...options, '--print'])
  return token
}

/** A server in this process; gives its address and what it printed so far. */
async function serve(folder: string, args: readonly string[], options: RunOptions = {}) {
  const interrupt = new AbortController()
  let shown = ''
  const url = Promise.withResolvers<string>()
  const onTerminal = (text: string) => {
    shown += text
    const found = /"type":"listening","url":"([^"]+)"/.exec(shown)?.[1]
    if (found !== undefined) url.resolve(found)
  }
  const command = ['serve', '--store', join(folder, 'store'), '--port', '0', '--no-fsync', '--verbose', ...args]
  const ended = graft(command, { ...options, signal: interrupt.signal, onTerminal })
  void ended.then(({ stderr }) => url.reject(new Error(stderr)))
  servers.push({
    stop: () => {
      interrupt.abort()
      return ended
    },
  })
  return { url: await url.promise, shown: () => shown, stop: (servers.at(-1) as (typeof servers)[number]).stop }
}

describe('graft-ts key', () => {
  test('makes a secret that only its owner can read, and what servers may know; prints nothing secret', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'signing')
    const { exitCode, stdout, stderr } = await graft(['key', path, '--key-id', 'k1'])
    expect([exitCode, stderr]).toEqual([0, ''])
    expect(stdout).toBe(`key     k1\nsecret  ${path}\npublic  ${path}.pub\n`)
    expect(await modeOf(path)).toBe('600')
    const secret = JSON.parse(await readFile(path, 'utf8')) as { d: string; kid: string }
    expect(secret.kid).toBe('k1')
    expect(await readFile(`${path}.pub`, 'utf8')).not.toContain(secret.d)
    expect(await readKeys(`${path}.pub`)).toMatchObject([{ kid: 'k1', alg: 'ES256' }])
    expect((await readdir(folder)).sort()).toEqual(['signing', 'signing.pub'])
  })

  test('replaces nothing, and leaves no half of a pair', async () => {
    const { folder, key, publicKey } = await withKey()
    const before = await sha256(key)
    expect(await graftError(['key', key])).toEqual([4, 'FILE_EXISTS'])
    expect(await sha256(key)).toBe(before)
    await writeFile(join(folder, 'other.pub'), '')
    expect(await graftError(['key', join(folder, 'other')])).toEqual([4, 'FILE_EXISTS'])
    expect((await readdir(folder)).sort()).toEqual(['other.pub', 'signing', 'signing.pub'])
    expect(await graftError(['key', join(folder, 'nowhere', 'key')])).toEqual([3, 'FILE_MISSING'])
    expect(await readKeys(publicKey)).toHaveLength(1)
  })
})

describe('graft-ts token', () => {
  test('goes to a file that only its owner can read, and is not printed; --force renews it', async () => {
    const { folder, key } = await withKey()
    const out = join(folder, 'token')
    const args = ['token', '--key', key, ...NAMES, '--actions', 'read', '--volume', volumeId, '--out', out]
    const { exitCode, stdout } = await graft([...args, '--ttl', '90s'])
    const token = (await readFile(out, 'utf8')).trim()
    expect([exitCode, await modeOf(out)]).toEqual([0, '600'])
    expect(stdout).toBe(`file     ${out}\nsubject  me\nexpires  1970-01-01T00:01:30.000Z\n`)
    expect(token).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/)
    expect(await graftError(args)).toEqual([4, 'FILE_EXISTS'])
    await chmod(out, 0o644)
    expect((await graft([...args, '--force'])).exitCode).toBe(0)
    expect(await modeOf(out)).toBe('600')
    expect((await readFile(out, 'utf8')).trim()).not.toBe(token)
  })

  test('is printed if that is asked for, and allows what was said', async () => {
    const { key, publicKey } = await withKey()
    const args = ['token', '--key', key, ...NAMES, '--actions', 'read, write', '--volume', volumeId, '--print']
    const { stdout } = await graft(args)
    const authorize = jwtAuthorize({
      audience: 'graft',
      issuers: [{ issuer: 'ops', keys: await readKeys(publicKey) }],
      nowMs: () => 0,
    })
    const headers = new Headers({ authorization: `Bearer ${stdout.trim()}` })
    const ask = (action: 'read' | 'write' | 'create', id = volumeId) => authorize({ headers, action, volumeId: id })
    expect(await ask('write')).toMatchObject({ id: 'ops#me' })
    await expect(ask('create')).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
    await expect(ask('read', newVolumeId(systemIdSource))).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
  })

  test.each([
    [['--actions', 'read', '--all-volumes'], 'USAGE'],
    [['--actions', 'read', '--all-volumes', '--print', '--out', 'x'], 'USAGE'],
    [['--actions', 'read', '--print'], 'USAGE'],
    [['--actions', 'read', '--all-volumes', '--volume', volumeId, '--print'], 'USAGE'],
    [['--actions', 'read,drop', '--all-volumes', '--print'], 'USAGE'],
    [['--actions', '', '--all-volumes', '--print'], 'USAGE'],
    [['--actions', 'read', '--volume', 'nonsense', '--print'], 'ID_INVALID'],
    [['--actions', 'read', '--all-volumes', '--print', '--ttl', '0s'], 'USAGE'],
    [['--actions', 'read', '--all-volumes', '--print', '--ttl', '1y'], 'USAGE'],
    [['--actions', 'read', '--all-volumes', '--print', '--ttl', '367d'], 'USAGE'],
    [['--actions', 'read', '--all-volumes', '--print', '--issuer', 'a b'], 'OPTIONS_INVALID'],
    [['--actions', 'read', '--all-volumes', '--print', '--subject', ''], 'OPTIONS_INVALID'],
  ])('%j: %s', async (args, code) => {
    const { key } = await withKey()
    expect(await graftError(['token', '--key', key, ...NAMES, ...args])).toEqual([2, code])
  })

  test('needs a secret key, and quotes nothing of a file that is none', async () => {
    const { folder, publicKey } = await withKey()
    const args = ['token', ...NAMES, '--actions', 'read', '--all-volumes', '--print', '--key']
    expect(await graftError([...args, publicKey])).toEqual([2, 'KEY_FILE'])
    expect(await graftError([...args, join(folder, 'nowhere')])).toEqual([3, 'FILE_MISSING'])
    for (const text of [
      'secret-text',
      '"secret-text"',
      '["secret-text"]',
      '{"keys":"secret-text"}',
      '{"keys":["secret-text"]}',
    ]) {
      await writeFile(join(folder, 'bad'), text)
      const { exitCode, stderr } = await graft([...args, join(folder, 'bad')])
      expect([exitCode, stderr.split(':')[0]]).toEqual([2, 'error KEY_FILE'])
      expect(stderr).not.toContain('secret-text')
    }
  })
})

describe('graft-ts serve lets in nobody unless it is said whom', () => {
  const keys = (path: string) => ['--jwt-keys', path]
  test.each<[string, (publicKey: string) => string[], string]>([
    ['nothing said', () => [], 'AUTHORIZATION_NEEDED'],
    ['both said', (path) => ['--allow-everybody', ...JWT, ...keys(path)], 'USAGE'],
    ['no issuer', (path) => ['--jwt-audience', 'graft', ...keys(path)], 'USAGE'],
    ['no audience', (path) => ['--jwt-issuer', 'ops', ...keys(path)], 'USAGE'],
    ['no keys', () => JWT, 'USAGE'],
    ['keys twice', (path) => [...JWT, ...keys(path), '--jwt-keys-url', 'https://a.example'], 'USAGE'],
    ['keys over plain HTTP', () => [...JWT, '--jwt-keys-url', 'http://a.example'], 'OPTIONS_INVALID'],
    ['one key twice', (path) => [...JWT, ...keys(path), path], 'OPTIONS_INVALID'],
    ['a secret key', (path) => [...JWT, ...keys(path.replace('.pub', ''))], 'OPTIONS_INVALID'],
    ['everybody, from everywhere, by one word only', () => ['--allow-everybody', '--host', '0.0.0.0'], 'HOST_NOT_LOOPBACK'],
    ['tokens, from everywhere', (path) => [...JWT, ...keys(path), '--host', '0.0.0.0'], 'HOST_NOT_LOOPBACK'],
  ])('%s', async (_, args, code) => {
    const { folder, publicKey } = await withKey()
    const command = ['serve', '--store', join(folder, 'store'), '--port', '0', ...args(publicKey)]
    expect(await graftError(command)).toEqual([2, code])
  })

  test('everybody on this machine, with a warning, as text or as JSON', async () => {
    const folder = await temporaryFolder()
    const { url, shown, stop } = await serve(folder, ['--allow-everybody'])
    await stop()
    expect(shown()).toContain(
      `warning OPEN_TO_EVERYBODY: everybody on this machine may read and write every volume, url=${url}\n`,
    )
    const remote = await serve(folder, ['--allow-everybody', '--host', '0.0.0.0', '--allow-remote', '--json'])
    await remote.stop()
    expect(remote.shown()).toContain('{"warning":{"code":"OPEN_TO_EVERYBODY","message":"everybody who can reach it, also from')
  })
})

describe('with tokens, over HTTP', () => {
  test('who has one works, who has none or another one is exit code 6, and the log says why', async () => {
    const { folder, key, publicKey } = await withKey()
    const source = join(folder, 'words.db')
    makeDatabase(source).close()
    const { url, shown, stop } = await serve(folder, [...JWT, '--jwt-keys', publicKey])
    const at = (local: string) => ['--server', url, '--local', join(folder, local)]
    expect(await graftError(['import', source, ...at('a')])).toEqual([6, 'ACCESS_DENIED'])
    const token = await printedToken(key, '--actions', 'read,write,create', '--all-volumes')
    await writeFile(join(folder, 'token'), `${token}\n`)
    const withFile = ['--token-file', join(folder, 'token')]
    const { volumeId: made } = await graftJson<{ volumeId: string }>(['import', source, ...at('b'), ...withFile])
    const reader = { env: { GRAFT_TS_TOKEN: await printedToken(key, '--actions', 'read', '--volume', made) } }
    expect(await graftJson(['log', made, '--server', url], reader)).toMatchObject({ headLsn: 1 })
    await graftJson(['export', made, join(folder, 'out.db'), ...at('c')], reader)
    expect(await sha256(join(folder, 'out.db'))).toBe(await sha256(source))
    expect(await graftError(['log', volumeId, '--server', url], reader)).toEqual([6, 'ACCESS_DENIED'])
    const asText = await graft(['log', volumeId, '--server', url], reader)
    expect(asText.stderr).toMatch(/^error ACCESS_DENIED: not allowed\nhint: .*--token-file/)
    await stop()
    expect(shown()).not.toContain('warning')
    expect(shown()).toContain('"type":"access-denied","reason":"no-token"')
    expect(shown()).toContain('"type":"access-denied","reason":"right"')
    for (const part of token.split('.')) expect(shown()).not.toContain(part)
  })

  test('keys rotate: two files at once, then the new one alone; or from the environment', async () => {
    const [old, young] = [await withKey(), await withKey()]
    const folder = await temporaryFolder()
    const outcomes = async (url: string) => {
      const codes: unknown[] = []
      for (const { key } of [old, young]) {
        const env = { GRAFT_TS_TOKEN: await printedToken(key, '--actions', 'read', '--all-volumes') }
        codes.push((await graftError(['log', volumeId, '--server', url], { env }))[1])
      }
      return codes
    }
    const both = await serve(folder, [...JWT, '--jwt-keys', young.publicKey, old.publicKey])
    expect(await outcomes(both.url)).toEqual(['VOLUME_UNKNOWN', 'VOLUME_UNKNOWN'])
    await both.stop()
    const env = { GRAFT_TS_JWT_KEYS: await readFile(young.publicKey, 'utf8') }
    const alone = await serve(folder, JWT, { env })
    expect(await outcomes(alone.url)).toEqual(['ACCESS_DENIED', 'VOLUME_UNKNOWN'])
  })

  test('no token leaves this machine in the clear, unless that is asked for', async () => {
    const env = { GRAFT_TS_TOKEN: 'secret' }
    const { exitCode, stderr } = await graft(['log', volumeId, '--server', 'http://graft.test'], { env })
    expect(exitCode).toBe(2)
    expect(stderr).toMatch(/^error TOKEN_IN_CLEAR: .*\nhint: .*--allow-plain-token/)
    const { folder, key, publicKey } = await withKey()
    const { url } = await serve(folder, [...JWT, '--jwt-keys', publicKey])
    const token = await printedToken(key, '--actions', 'read', '--all-volumes')
    const asked = ['log', volumeId, '--server', url, '--allow-plain-token']
    expect(await graftError(asked, { env: { GRAFT_TS_TOKEN: token } })).toEqual([3, 'VOLUME_UNKNOWN'])
  })

  test('an issuer whose keys cannot be fetched is a warning, and callers are told to try again', async () => {
    const { folder, key } = await withKey()
    // Nobody listens on the discard port.
    const { url, shown } = await serve(folder, [...JWT, '--jwt-keys-url', 'http://127.0.0.1:9/keys'])
    const env = { GRAFT_TS_TOKEN: await printedToken(key, '--actions', 'read', '--all-volumes') }
    expect(await graftError(['log', volumeId, '--server', url], { env })).toEqual([1, 'KEYS_UNAVAILABLE'])
    expect(shown()).toContain('warning KEYS_UNAVAILABLE: the keys of an issuer cannot be fetched: ')
  })
})

describe('where a token comes from', () => {
  test('the option, else the environment, else nowhere; a file is read each time', async () => {
    const path = join(await temporaryFolder(), 'token')
    await writeFile(path, 'one\n')
    const env = { GRAFT_TS_TOKEN_FILE: '/nowhere/token', GRAFT_TS_TOKEN: 'three' }
    const source = tokenSource({ tokenFile: path }, env)
    expect(await source?.()).toBe('one')
    await writeFile(path, 'two\n')
    expect(await source?.()).toBe('two')
    await expect(tokenSource({}, env)?.()).rejects.toMatchObject({ kind: 'missing', code: 'FILE_MISSING' })
    expect(await tokenSource({}, { GRAFT_TS_TOKEN_FILE: '', GRAFT_TS_TOKEN: 'three' })?.()).toBe('three')
    expect(tokenSource({}, { GRAFT_TS_TOKEN: '' })).toBeUndefined()
    for (const text of ['', '\n', 'secret text', 'secret\ntext', 'sécret']) {
      await writeFile(path, text)
      await expect(source?.()).rejects.toMatchObject({
        code: 'TOKEN_FILE',
        message: `no token in it, or not only one, path=${path}`,
      })
    }
  })
})

test('graft-ts serve --cors: pages of these origins may call it, others may not', async () => {
  const { url } = await serve(await temporaryFolder(), [
    '--allow-everybody',
    '--cors',
    'https://app.example',
    'https://two.example',
  ])
  const allowedFor = async (origin: string) => {
    const headers = { origin, 'access-control-request-method': 'POST' }
    const answer = await fetch(`${url}/graft.v1.PageService/ReadPages`, { method: 'OPTIONS', headers })
    return answer.headers.get('access-control-allow-origin')
  }
  expect(await allowedFor('https://two.example')).toBe('https://two.example')
  expect(await allowedFor('https://other.example')).toBeNull()
})
