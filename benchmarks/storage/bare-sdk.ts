import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import type { Side } from './side.ts'

/** The S3 SDK, as one would use it without an adapter; believes every reply. */
export function bareSdk(client: S3Client, bucket: string): Side {
  const etags = new Map<string, string | undefined>()
  const send = (key: string, body: Uint8Array, condition: { IfMatch?: string | undefined; IfNoneMatch?: string } = {}) =>
    client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body, ...condition }))
  const read = async (key: string, range?: string): Promise<number> => {
    const { Body } = await client.send(
      new GetObjectCommand({ Bucket: bucket, Key: key, ...(range !== undefined && { Range: range }) }),
    )
    return (await Body?.transformToByteArray())?.byteLength ?? 0
  }
  return {
    put: async (keys, body) => {
      for (const key of keys) etags.set(key, (await send(key, body)).ETag)
    },
    create: async (keys, body) => {
      for (const key of keys) await send(key, body, { IfNoneMatch: '*' })
    },
    swap: async (keys, body) => {
      for (const key of keys) etags.set(key, (await send(key, body, { IfMatch: etags.get(key) })).ETag)
    },
    get: async (keys) => {
      let bytes = 0
      for (const key of keys) bytes += await read(key)
      return bytes
    },
    getRange: async (keys, offset, length) => {
      let bytes = 0
      for (const key of keys) bytes += await read(key, `bytes=${offset}-${offset + length - 1}`)
      return bytes
    },
    list: async (prefix) => {
      let count = 0
      let token: string | undefined
      do {
        const page = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, ContinuationToken: token }))
        count += page.Contents?.length ?? 0
        token = page.NextContinuationToken
      } while (token !== undefined)
      return count
    },
  }
}
