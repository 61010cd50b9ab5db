import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  type S3Client,
  UploadPartCommand,
  type UploadPartCommandOutput,
} from '@aws-sdk/client-s3'
import { type ByteSource, readPieces } from '../bodies.ts'
import { isStoreError, StoreError } from '../errors.ts'
import { bareEtag } from './reply.ts'
import { send } from './send.ts'

/** An object that is put together from parts. */
export interface Upload {
  readonly client: S3Client
  readonly address: { readonly Bucket: string; readonly Key: string }
  readonly body: ByteSource
  readonly partBytes: number
  /** The key as the caller knows it: for texts. */
  readonly key: string
  readonly signal: AbortSignal | undefined
}

/**
 * Sends a body in parts, one after the other, and has them put together in one step: before it nothing can be seen, and what
 * fails leaves nothing behind that is not asked to be removed. Only that step can have an unknown outcome.
 *
 * @returns The etag.
 */
export async function uploadParts(upload: Upload): Promise<string> {
  const { client, address, key, signal } = upload
  // Nothing that can be read is written by this or by the parts, so their failures leave nothing open.
  const begin = { what: `put, key=${key}`, isWrite: false, signal, isSentOnce: false }
  const { UploadId } = await send<{ UploadId?: string }>(client, new CreateMultipartUploadCommand(address), begin)
  if (UploadId === undefined) throw new StoreError('STORE_REPLY', `put, key=${key}: the upload has no name`)
  try {
    const etag = await complete(upload, UploadId, await sendParts(upload, UploadId))
    if (etag !== undefined) return etag
  } catch (error) {
    // An upload whose completion is on its way must not be taken apart.
    if (!isStoreError(error) || error.kind !== 'unknown') await discard(upload, UploadId)
    throw error
  }
  throw new StoreError('STORE_OUTCOME_UNKNOWN', `put, key=${key}: the reply has no etag`)
}

async function sendParts({ client, address, body, partBytes, key, signal }: Upload, UploadId: string): Promise<CompletedPart[]> {
  const parts: CompletedPart[] = []
  for await (const piece of readPieces(body, partBytes, signal)) {
    const PartNumber = parts.length + 1
    const input = { ...address, UploadId, PartNumber, Body: piece, ContentLength: piece.byteLength }
    const nature = { what: `put of part ${PartNumber}, key=${key}`, isWrite: false, signal, isSentOnce: false }
    const reply = await send<UploadPartCommandOutput>(client, new UploadPartCommand(input), nature)
    parts.push(completedPart(reply, PartNumber))
  }
  return parts
}

async function complete(upload: Upload, UploadId: string, parts: CompletedPart[]): Promise<string | undefined> {
  const { client, address, key, signal } = upload
  const command = new CompleteMultipartUploadCommand({ ...address, UploadId, MultipartUpload: { Parts: parts } })
  const nature = { what: `put, key=${key}`, isWrite: true, signal, isSentOnce: false }
  return bareEtag((await send<{ ETag?: string }>(client, command, nature)).ETag)
}

/** Names a part; a server that was sent a checksum wants it again. */
function completedPart(reply: UploadPartCommandOutput, PartNumber: number): CompletedPart {
  const { ETag, ChecksumCRC32, ChecksumCRC32C, ChecksumCRC64NVME, ChecksumSHA1, ChecksumSHA256 } = reply
  return { PartNumber, ETag, ChecksumCRC32, ChecksumCRC32C, ChecksumCRC64NVME, ChecksumSHA1, ChecksumSHA256 }
}

/** Has the parts removed. What the server does not remove, a rule of the bucket has to. */
async function discard({ client, address, key }: Upload, UploadId: string): Promise<void> {
  const nature = { what: `put, key=${key}`, isWrite: false, signal: undefined, isSentOnce: false }
  try {
    await send(client, new AbortMultipartUploadCommand({ ...address, UploadId }), nature)
  } catch {
    // What went wrong first counts.
  }
}
