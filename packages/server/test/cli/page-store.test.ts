import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseBytes, parseShare } from '../../src/cli/numbers.ts'
import { readPageStoreFlags } from '../../src/cli/page-store.ts'
import { temporaryFolder } from '../temporary.ts'
import { graft, graftError } from './harness.ts'

describe('the flags of the page store', () => {
  test('say what each of its limits is', () => {
    const flags = { memoryBytes: '16M', writeBytes: '8M', readsMax: '7', uploadsMax: '3', hedge: '0.05' }
    expect(readPageStoreFlags({ ...flags, cacheDir: 'c', cacheBytes: '2G' }, 'both')).toEqual({
      limits: { writeBytesInFlightMax: 2 ** 23, writeBytesWaitingMax: 2 ** 23, getsInFlightMax: 7, uploadsInFlightMax: 3 },
      options: { cacheBytesMax: 2 ** 24, hedge: { budget: 0.05 } },
      frameCache: { directory: 'c', bytesMax: 2 ** 31 },
    })
  })

  test('left out leave the defaults to the page store; the cache has 1 GiB', () => {
    expect(readPageStoreFlags({}, 'meta')).toEqual({ limits: {}, options: {}, frameCache: undefined })
    expect(readPageStoreFlags({ cacheDir: 'c' }, 'pages').frameCache).toEqual({ directory: 'c', bytesMax: 2 ** 30 })
  })

  test('bytes and shares', () => {
    expect(['0', '5', '1K', '3M', '2G', '1T'].map((text) => parseBytes(text, '--x'))).toEqual([
      0,
      5,
      2 ** 10,
      3 * 2 ** 20,
      2 ** 31,
      2 ** 40,
    ])
    expect(['0.05', '.5', '1', '1.0'].map((text) => parseShare(text, '--x'))).toEqual([0.05, 0.5, 1, 1])
    for (const text of ['', 'K', '1k', '1.5G', '9999999T', '-1', '1 G'])
      expect(() => parseBytes(text, '--x')).toThrow('--x must be')
    for (const text of ['', '0', '0.0', '1.01', '2', '1e-2', '.']) expect(() => parseShare(text, '--x')).toThrow('--x must be')
  })
})

test('graft-ts serve --cache-dir: makes the folder, and says when it cannot', async () => {
  const folder = await temporaryFolder()
  const serve = ['serve', '--store', join(folder, 'store'), '--port', '0', '--no-fsync', '--allow-everybody']
  const interrupt = new AbortController()
  const onTerminal = (text: string) => {
    if (text.includes('"listening"')) interrupt.abort()
  }
  const command = [...serve, '--verbose', '--cache-dir', join(folder, 'a', 'cache'), '--hedge', '0.05', '--memory-bytes', '0']
  const { exitCode } = await graft(command, { signal: interrupt.signal, onTerminal })
  expect(exitCode).toBe(0)
  expect(await readdir(join(folder, 'a'))).toEqual(['cache'])
  await writeFile(join(folder, 'file'), '')
  expect(await graftError([...serve, '--cache-dir', join(folder, 'file')])).toEqual([1, 'FRAME_CACHE_FOLDER'])
  expect(await graftError([...serve, '--cache-dir', join(folder, 'b'), '--cache-bytes', '1M'])).toEqual([2, 'PAGESTORE_OPTIONS'])
})
