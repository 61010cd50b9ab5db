import { resolve } from 'node:path'
import type { S3ClientConfig } from '@aws-sdk/client-s3'
import { describe, expect, test, vi } from 'vitest'
import { openStore } from '../../src/cli/open-store.ts'
import { type BucketAddress, parseStoreAddress, placeOf } from '../../src/cli/store-address.ts'
import { graftError } from './harness.ts'

const bucket = (text: string): BucketAddress => {
  const address = parseStoreAddress(text)
  if (address.type !== 'bucket') throw new Error(`a folder: ${text}`)
  return address
}

describe('where an object store is', () => {
  test.each(['data', './s3:data', '/a b/c', 's3:', 's3:/data'])('%s is a folder', (text) => {
    expect(parseStoreAddress(text)).toEqual({ type: 'folder', directory: resolve(text) })
  })

  test('a bucket of AWS', () => {
    expect(parseStoreAddress('s3://my-bucket')).toEqual({
      type: 'bucket',
      bucket: 'my-bucket',
      prefix: '',
      endpoint: undefined,
      region: undefined,
      isInPath: false,
      quoteEtags: true,
      checksums: 'supported',
    })
  })

  test('a bucket somewhere else, with all that can be said of it', () => {
    const settings = 'endpoint=http://127.0.0.1:7070/&region=auto&path-style=false&quote-etags=false&checksums=required'
    expect(parseStoreAddress(`s3://b/tenants/7%20x/?${settings}`)).toEqual({
      type: 'bucket',
      bucket: 'b',
      prefix: 'tenants/7 x',
      endpoint: 'http://127.0.0.1:7070',
      region: 'auto',
      isInPath: false,
      quoteEtags: false,
      checksums: 'required',
    })
    // Few but AWS have a host for each bucket.
    expect(bucket('s3://b?endpoint=https://s3.example').isInPath).toBe(true)
    expect(bucket('s3://b?path-style=true').isInPath).toBe(true)
  })

  test.each([
    's3://',
    's3:///prefix',
    's3://b:80/',
    's3://b#x',
    's3://b/%',
    's3://key:secret@b',
    's3://key@b',
    'gs://b',
    'http://b',
    's3://b?endpoint=localhost:7070',
    's3://b?endpoint=ftp://a',
    's3://b?endpoint=http://a?b',
    's3://b?endpoint=http://u@a',
    's3://b?endpoint=http://a&endpoint=http://b',
    's3://b?region=',
    's3://b?path-style=yes',
    's3://b?quote-etags=1',
    's3://b?checksums=never',
    's3://b?bucket=c',
  ])('%s makes no sense', (text) => {
    expect(() => parseStoreAddress(text)).toThrow(expect.objectContaining({ kind: 'invalid', code: 'USAGE' }))
  })

  test('credentials in an address are not repeated in the error', () => {
    for (const text of ['s3://key:hush@b', 's3://b?endpoint=http://key:hush@a']) {
      expect(() => parseStoreAddress(text)).toThrow(expect.objectContaining({ message: expect.not.stringContaining('hush') }))
    }
  })

  test('two ways to the same bucket are one place, and no two places are one', () => {
    const base = 's3://b/p?endpoint=http://a'
    expect(placeOf(parseStoreAddress('s3://b/p/?endpoint=http://a/&region=r&checksums=required'))).toBe(
      placeOf(parseStoreAddress(base)),
    )
    const others = ['s3://b/q?endpoint=http://a', 's3://c/p?endpoint=http://a', 's3://b/p', 's3://b/p?endpoint=http://c', 'b/p']
    expect(new Set([base, ...others].map((text) => placeOf(parseStoreAddress(text)))).size).toBe(6)
  })
})

describe('opening a bucket', () => {
  const options = { isMade: true, env: {} }

  test('sends nothing, and leaves the prefix less room for keys', async () => {
    const { store, close } = await openStore(bucket('s3://b/abc?endpoint=http://127.0.0.1:9'), options)
    expect(store.capabilities).toMatchObject({ create: true, keyBytesMax: 1020 })
    await close()
  })

  test('refuses a prefix that no key can have, and --no-fsync', async () => {
    await expect(openStore(bucket('s3://b/a//b'), options)).rejects.toMatchObject({ kind: 'invalid', code: 'STORE_KEY' })
    await expect(openStore(bucket('s3://b'), { ...options, fsync: false })).rejects.toMatchObject({ code: 'USAGE' })
    expect(await graftError(['serve', '--store', 's3://b', '--no-fsync', '--allow-everybody'])).toEqual([2, 'USAGE'])
  })

  test('of the region that is named, else that of the environment, else of any, elsewhere than at AWS', async () => {
    const regions: unknown[] = []
    vi.doMock('@aws-sdk/client-s3', async (load) => {
      const sdk = await load<typeof import('@aws-sdk/client-s3')>()
      class S3Client extends sdk.S3Client {
        constructor(config: S3ClientConfig) {
          super(config)
          regions.push(config.region)
        }
      }
      return { ...sdk, S3Client }
    })
    const elsewhere = 'endpoint=http://a'
    const env = { AWS_REGION: 'eu' }
    for (const [text, known] of [
      [`s3://b?${elsewhere}&region=own`, env],
      [`s3://b?${elsewhere}`, env],
      [`s3://b?${elsewhere}`, {}],
      ['s3://b', env],
      ['s3://b', {}],
    ] as const) {
      await openStore(bucket(text), { ...options, env: known })
    }
    vi.doUnmock('@aws-sdk/client-s3')
    expect(regions).toEqual(['own', 'eu', 'us-east-1', 'eu', undefined])
  })

  test('without the SDK, says what to install', async () => {
    vi.doMock('@aws-sdk/client-s3', () => {
      throw new Error('not found')
    })
    await expect(openStore(bucket('s3://b'), options)).rejects.toMatchObject({ kind: 'unsupported', code: 'S3_SDK_MISSING' })
    vi.doUnmock('@aws-sdk/client-s3')
  })
})
