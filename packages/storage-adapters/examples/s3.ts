import { S3Client } from '@aws-sdk/client-s3'
import { listAll } from '@graft-ts/storage-adapters'
import { S3Store } from '@graft-ts/storage-adapters/s3'

/** The keys of a tenant in a bucket of Cloudflare R2. The caller of the store owns the client. */
export async function tenantKeys(endpoint: string, bucket: string, tenant: string): Promise<string[]> {
  const client = new S3Client({ endpoint, region: 'auto', forcePathStyle: true, requestChecksumCalculation: 'WHEN_REQUIRED' })
  const store = new S3Store({ client, bucket, prefix: `tenants/${tenant}` })
  const keys: string[] = []
  for await (const { key } of listAll(store, { prefix: '' })) keys.push(key)
  client.destroy()
  return keys
}
