import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'

/** A client for a server on this machine. Close it with `destroy()`. */
export function newClient(endpoint: string, config: S3ClientConfig = {}): S3Client {
  return new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test-secret' },
    ...config,
  })
}
