// A graft-ts server on a bucket, as a process of its own: `node serve-s3.ts JSON`.
import { allowEverybody } from '@graft-ts/protocol'
import { startServer } from '@graft-ts/server'
import { newS3Client, newS3Store, type S3Settings } from '../servers/s3-server.ts'

/** What the process is told. */
export interface ServeOptions {
  /** Of the S3 server. */
  readonly endpoint: string
  readonly settings: S3Settings
  readonly bucket: string
  readonly port: number
}

const { endpoint, settings, bucket, port } = JSON.parse(process.argv[2] ?? '') as ServeOptions
const store = newS3Store(newS3Client({ endpoint }, settings), bucket, settings)
// Segments of one process may be committed through the next: all of them sign with the same key.
const refKeys = [{ id: 'e2e', secret: new Uint8Array(32).fill(7) }]
await startServer({ stores: { segments: store, commits: store }, port, authorize: allowEverybody, refKeys })
