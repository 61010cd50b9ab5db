import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  type S3Client,
  UploadPartCommand,
  type UploadPartCommandOutput,
} from '@aws-sdk/client-s3'
import { type ByteSource, readPieces } from '../bodies.ts'
import { isStoreError, StoreError } from '../errors.ts'
import type { WriteTarget } from './folders.ts'
import { etagOfParts } from './part-etags.ts'
import { bareEtag } from './reply.ts'
import { send } from './send.ts'

/** An object that is put together from parts. */
export interface Upload extends WriteTarget {
  readonly body: ByteSource
  readonly partBytes: number
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
  const command = new CreateMultipartUploadCommand({ ...address, ...(await checksumOf(client)) })
  const { UploadId } = await send<{ UploadId?: string }>(client, command, begin)
  if (UploadId === undefined) throw new StoreError('STORE_REPLY', `put, key=${key}: the upload has no name`)
  try {
    const parts = await sendParts(upload, UploadId)
    const etag = (await complete(upload, UploadId, parts)) ?? (await lookUpEtag(upload, parts))
    if (etag !== undefined) return etag
  } catch (error) {
    // An upload whose completion is on its way must not be taken apart.
    if (!isStoreError(error) || error.kind !== 'unknown') await discard(upload, UploadId)
    throw error
  }
  throw new StoreError('STORE_OUTCOME_UNKNOWN', `put, key=${key}: the reply has no etag`)
}

/**
 * Which checksum the SDK is going to send with each part. Servers have to be told at the beginning: AWS and versitygw refuse
 * parts that come with one unannounced.
 */
async function checksumOf({ config }: S3Client): Promise<{ ChecksumAlgorithm?: 'CRC32' }> {
  // Before 3.729 the SDK sends none, and knows no such option.
  const calculation = config.requestChecksumCalculation as (() => Promise<string>) | undefined
  return (await calculation?.()) === 'WHEN_SUPPORTED' ? { ChecksumAlgorithm: 'CRC32' } : {}
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

/** Asks for the etag where the completion does not tell it, as with Ceph 16; `undefined` if it may be that of another write. */
async function lookUpEtag({ client, address, key, signal }: Upload, parts: CompletedPart[]): Promise<string | undefined> {
  const nature = { what: `head, key=${key}`, isWrite: false, signal, isSentOnce: false }
  try {
    const { ETag } = await send<{ ETag?: string }>(client, new HeadObjectCommand(address), nature)
    return bareEtag(ETag) === (await etagOfParts(client, parts)) ? bareEtag(ETag) : undefined
  } catch {
    // The object is there, but the caller could not go on from it.
    return undefined
  }
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
