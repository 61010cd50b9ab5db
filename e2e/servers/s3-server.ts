import { S3Client } from '@aws-sdk/client-s3'
import { S3Store, type S3StoreOptions } from '@graft-ts/storage-adapters/s3'

/** One process that answers S3 requests. */
export interface Gateway {
  readonly endpoint: string
  /** Kills it at once and waits until it is gone. */
  kill(): Promise<void>
  /** Starts it again after {@link kill}, on the same address and data. */
  start(): Promise<void>
}

/** How a server wants to be spoken to. */
export type S3Settings = Pick<S3StoreOptions, 'quoteEtags' | 'capabilities'> & {
  readonly requestChecksumCalculation?: 'WHEN_REQUIRED'
}

/** A server on this machine, of several gateways to the same data. */
export interface S3Server {
  readonly name: string
  readonly gateways: readonly Gateway[]
  readonly settings: S3Settings
  /** Kills all of it. */
  stop(): Promise<void>
}

/** The credentials of every server here; they listen on the loopback address alone. */
export const CREDENTIALS = { accessKeyId: 'graft-e2e-access', secretAccessKey: 'graft-e2e-secret-0123456789' } as const
export const REGION = 'us-east-1'

/** A client of one gateway; the caller destroys it. */
export function newS3Client({ endpoint }: Pick<Gateway, 'endpoint'>, settings: S3Settings): S3Client {
  const { requestChecksumCalculation } = settings
  return new S3Client({
    endpoint,
    region: REGION,
    credentials: CREDENTIALS,
    forcePathStyle: true,
    ...(requestChecksumCalculation !== undefined && { requestChecksumCalculation }),
  })
}

/** A store in a bucket through a client of {@link newS3Client}. */
export function newS3Store(client: S3Client, bucket: string, settings: S3Settings, prefix?: string): S3Store {
  const { quoteEtags, capabilities } = settings
  return new S3Store({ client, bucket, prefix, quoteEtags, capabilities })
}
