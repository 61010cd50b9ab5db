import process from 'node:process'
import { CreateBucketCommand, type S3Client } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { testObjectStore } from '../../src/conformance.ts'
import { S3Store } from '../../src/s3.ts'
import { newClient } from './s3-client.ts'
import { S3Double } from './s3-double.ts'

const runner = { describe, test }

describe('against the double', () => {
  let double: S3Double
  let client: S3Client
  let peerClient: S3Client
  let stores = 0
  beforeAll(async () => {
    double = await S3Double.start()
    client = newClient(double.endpoint)
    peerClient = newClient(double.endpoint)
  })
  afterAll(async () => {
    client.destroy()
    peerClient.destroy()
    await double.stop()
  })
  const capabilities = { conditionalDelete: true, orderedListing: true, objectBytesMax: 2_000_000 }
  const common = { bucket: 'bucket', capabilities, partBytes: 300_000 }
  testObjectStore({
    name: 's3',
    runner,
    capabilities: { ...capabilities, create: true, compareAndSwap: true, uniqueEtags: false },
    open: async () => new S3Store({ ...common, client, prefix: `tests/${++stores}/` }),
    // Its own connections, and no knowledge of what the other has seen.
    openPeer: async () => new S3Store({ ...common, client: peerClient, prefix: `tests/${stores}/` }),
  })
})

/*
 * The same against a real server, if one is named: S3_TEST_ENDPOINT, S3_TEST_BUCKET (made if missing),
 * AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY; S3_TEST_CONDITIONAL_DELETE=1 if it has that.
 */
const endpoint = process.env['S3_TEST_ENDPOINT']
if (endpoint === undefined) console.log('S3_TEST_ENDPOINT is not set: no tests against a real S3 server')
else {
  const bucket = process.env['S3_TEST_BUCKET'] ?? 'graft-test'
  const client = newClient(endpoint, {
    credentials: {
      accessKeyId: process.env['AWS_ACCESS_KEY_ID'] ?? '',
      secretAccessKey: process.env['AWS_SECRET_ACCESS_KEY'] ?? '',
    },
  })
  describe(`against ${endpoint}`, () => {
    const run = `tests/${Date.now().toString(36)}`
    let stores = 0
    beforeAll(async () => {
      await client.send(new CreateBucketCommand({ Bucket: bucket })).catch((error: Error) => {
        if (!error.name.startsWith('BucketAlready')) throw error
      })
    })
    afterAll(() => client.destroy())
    const capabilities = { conditionalDelete: process.env['S3_TEST_CONDITIONAL_DELETE'] === '1' }
    testObjectStore({
      name: 's3',
      runner,
      capabilities: { create: true, compareAndSwap: true },
      open: async () => new S3Store({ client, bucket, prefix: `${run}/${++stores}`, capabilities }),
      raceBytes: [20, 100_000, 8 * 1024 * 1024],
    })
  })
}
