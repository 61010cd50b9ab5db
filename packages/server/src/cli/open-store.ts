import type { ObjectStore } from '@graft-ts/storage-adapters'
import { FsStore } from '@graft-ts/storage-adapters/fs'
import { CliError } from './errors.ts'
import type { CliIo } from './io.ts'
import type { BucketAddress, StoreAddress } from './store-address.ts'

/** An object store, and how to let go of it. */
export interface OpenStore {
  readonly store: ObjectStore
  readonly close: () => Promise<void>
}

/** How {@link openStore} opens. */
export interface OpenStoreOptions {
  /** Makes a folder that does not exist. A bucket is never made. */
  readonly isMade: boolean
  readonly env: CliIo['env']
  /** Makes each write to a folder durable. Default true. */
  readonly fsync?: boolean
}

// What servers that are not AWS take for the name of the place that they are at.
const REGION_ELSEWHERE = 'us-east-1'

/**
 * Opens the object store at an address. Nothing is sent to a bucket yet.
 *
 * @throws What `FsStore.open` and `S3Store` throw; {@link CliError} `S3_SDK_MISSING` without the AWS SDK, `USAGE` if a bucket
 * is not to be durable.
 */
export async function openStore(address: StoreAddress, options: OpenStoreOptions): Promise<OpenStore> {
  const { isMade, env, fsync = true } = options
  if (address.type === 'bucket') {
    if (!fsync) throw new CliError('USAGE', '--no-fsync goes with a folder only')
    return await openBucket(address, env)
  }
  const store = await FsStore.open(address.directory, { createDirectory: isMade, fsync })
  return { store, close: () => store.close() }
}

async function openBucket(address: BucketAddress, env: CliIo['env']): Promise<OpenStore> {
  const { S3Client, S3Store } = await loadS3()
  const { bucket, prefix, endpoint, isInPath, quoteEtags, checksums } = address
  const region = regionOf(address, env)
  const client = new S3Client({
    ...(endpoint !== undefined && { endpoint }),
    ...(region !== undefined && { region }),
    forcePathStyle: isInPath,
    ...(checksums === 'required' && { requestChecksumCalculation: 'WHEN_REQUIRED' as const }),
  })
  return { store: new S3Store({ client, bucket, prefix, quoteEtags }), close: async () => client.destroy() }
}

/** `undefined`: the SDK finds it in a profile, as it finds credentials. */
function regionOf({ region, endpoint }: BucketAddress, env: CliIo['env']): string | undefined {
  return region ?? env['AWS_REGION'] ?? (endpoint === undefined ? undefined : REGION_ELSEWHERE)
}

async function loadS3() {
  try {
    const [{ S3Client }, { S3Store }] = await Promise.all([import('@aws-sdk/client-s3'), import('@graft-ts/storage-adapters/s3')])
    return { S3Client, S3Store }
  } catch (cause) {
    throw new CliError('S3_SDK_MISSING', 'a bucket needs the package @aws-sdk/client-s3, which is not installed', { cause })
  }
}
