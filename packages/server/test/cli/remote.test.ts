import { resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { chooseRemote, localDirectory, openRemote } from '../../src/cli/remote.ts'

describe('the other side', () => {
  test('is a server, a pair of servers, or a folder', () => {
    expect(chooseRemote({ server: 'http://127.0.0.1:7420/' })).toEqual({
      type: 'server',
      baseUrl: 'http://127.0.0.1:7420',
      pagesBaseUrl: undefined,
      allowPlainToken: false,
    })
    expect(chooseRemote({ server: 'https://a.example/graft/', pagesServer: 'https://b.example' })).toEqual({
      type: 'server',
      baseUrl: 'https://a.example/graft',
      pagesBaseUrl: 'https://b.example',
      allowPlainToken: false,
    })
    expect(chooseRemote({ store: 'data' })).toEqual({
      type: 'store',
      address: { type: 'folder', directory: resolve('data') },
    })
  })

  test('must be named, once, and be an address', () => {
    const usage = expect.objectContaining({ kind: 'invalid', code: 'USAGE' })
    for (const options of [
      {},
      { server: 'http://a', store: 'b' },
      { store: 'b', pagesServer: 'http://a' },
      { server: 'localhost:7420' },
      { server: 'ftp://a' },
      { server: '' },
      { server: 'http://a/?x=1' },
      { server: 'http://a', pagesServer: 'nonsense' },
    ]) {
      expect(() => chooseRemote(options)).toThrow(usage)
    }
  })
})

describe('a token', () => {
  const open = (options: Parameters<typeof chooseRemote>[0]) =>
    openRemote(chooseRemote(options), { isStoreMade: false, token: async () => 'secret', env: {} })

  test('goes to other machines over plain http only where that is asked for', async () => {
    const refusal = { kind: 'invalid', code: 'TOKEN_IN_CLEAR' }
    await expect(open({ server: 'http://graft.test' })).rejects.toMatchObject(refusal)
    await expect(open({ server: 'https://graft.test', pagesServer: 'http://graft.test' })).rejects.toMatchObject(refusal)
    for (const options of [
      { server: 'http://graft.test', allowPlainToken: true as const },
      { server: 'https://graft.test' },
      { server: 'http://127.0.0.1:7420' },
    ]) {
      await (await open(options)).close()
    }
  })
})

describe("the client's own store", () => {
  const server = chooseRemote({ server: 'http://a' })

  test('is where the option says, else the environment', () => {
    expect(localDirectory({ local: 'x' }, server, { GRAFT_TS_LOCAL: '/y' })).toBe(resolve('x'))
    expect(localDirectory({}, server, { GRAFT_TS_LOCAL: '/y', XDG_DATA_HOME: '/z' })).toBe('/y')
  })

  test('is else in the data folder of the user, one for each remote', () => {
    const inData = localDirectory({}, server, { XDG_DATA_HOME: '/z', GRAFT_TS_LOCAL: '' })
    expect(inData).toMatch(/^\/z\/graft-ts\/[0-9a-f]{32}$/)
    expect(localDirectory({}, server, { XDG_DATA_HOME: 'relative', HOME: '/h' })).toMatch(/^\/h\/\.local\/share\/graft-ts\//)
    const others = [{ server: 'http://b' }, { store: 'a' }, { store: 's3://a' }].map((options) => chooseRemote(options))
    const places = [server, ...others].map((remote) => localDirectory({}, remote, { XDG_DATA_HOME: '/z' }))
    expect(new Set(places).size).toBe(4)
    expect(localDirectory({}, chooseRemote({ server: 'http://a/' }), { XDG_DATA_HOME: '/z' })).toBe(inData)
  })
})
