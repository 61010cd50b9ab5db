import { ListObjectsV2Command, type ListObjectsV2CommandOutput, type S3Client } from '@aws-sdk/client-s3'
import { isStoreError, StoreError } from '../errors.ts'
import { readFailure } from './s3-errors.ts'
import { send } from './send.ts'

/** Where a write goes. */
export interface WriteTarget {
  readonly client: S3Client
  readonly address: { readonly Bucket: string; readonly Key: string }
  /** The key as the caller knows it: for texts. */
  readonly key: string
  readonly signal: AbortSignal | undefined
}

/**
 * Waits for a write, and finds out what a server that keeps folders means by a folder in the place of the object: keys below
 * that one, which will stay, or an empty folder that a deletion is about to remove. Costs a listing of one key, only then.
 *
 * @throws {@link StoreError} `STORE_KEY` if the key is the beginning of another; else what the write fails with.
 */
export async function withoutFolders<T>(write: Promise<T>, target: WriteTarget): Promise<T> {
  try {
    return await write
  } catch (error) {
    // An outcome that is open stays open: of several requests, only the last one met the folder.
    const isRefused = isStoreError(error) && error.kind === 'unavailable'
    if (!isRefused || readFailure(error.cause).code !== 'ExistingObjectIsDirectory') throw error
    if (!(await hasKeysBelow(target))) throw error
    throw new StoreError('STORE_KEY', `the key is the beginning of another one, key=${target.key}`, { cause: error })
  }
}

async function hasKeysBelow({ client, address, key, signal }: WriteTarget): Promise<boolean> {
  const command = new ListObjectsV2Command({ Bucket: address.Bucket, Prefix: `${address.Key}/`, MaxKeys: 1 })
  const nature = { what: `list, prefix=${key}/`, isWrite: false, signal, isSentOnce: false }
  try {
    return ((await send<ListObjectsV2CommandOutput>(client, command, nature)).Contents ?? []).length > 0
  } catch {
    // Then it stays what it was: nothing was written, and another attempt may tell.
    return false
  }
}
