import type { CompletedPart, S3Client } from '@aws-sdk/client-s3'
import { bareEtag } from './reply.ts'

interface Hash {
  update(bytes: Uint8Array): void
  digest(): Promise<Uint8Array>
}

/**
 * The etag that servers usually give an object which was put together from parts: the MD5 of the parts' MD5s, and their
 * number. With it, an object can be told from one that somebody else has put in its place.
 *
 * @param client Brings the MD5: the Web has none.
 */
export async function etagOfParts({ config }: S3Client, parts: readonly CompletedPart[]): Promise<string> {
  const Md5: new () => Hash = config.md5
  const hash = new Md5()
  for (const { ETag } of parts) hash.update(bytesOfHex(bareEtag(ETag) ?? ''))
  const digits = Array.from(await hash.digest(), (byte) => byte.toString(16).padStart(2, '0'))
  return `${digits.join('')}-${parts.length}`
}

function bytesOfHex(digits: string): Uint8Array {
  return Uint8Array.from(digits.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16))
}
