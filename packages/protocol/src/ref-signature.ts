import { create } from '@bufbuild/protobuf'
import { idToBytes, type VolumeId } from '@graft-ts/volume'
import { ProtocolError } from './errors.ts'
import { type SignedSegmentRef, SignedSegmentRefSchema } from './gen/graft/v1/graft_pb.ts'

/** What a ref is good for, besides its bytes. */
export interface RefScope {
  readonly volumeId: VolumeId
  /** Who uploaded the pages. */
  readonly principal: string
}

/**
 * Lets a meta store believe that a page store made a ref's segment durable, recently, for this volume and principal
 * (I1). What is signed is not stored.
 */
export interface RefSigner {
  /** Signs an encoded ref. */
  sign(ref: Uint8Array, scope: RefScope): Promise<SignedSegmentRef>
  /**
   * Checks a signed ref.
   *
   * @throws {@link ProtocolError} `REFS_EXPIRED` (kind `missing`: upload again) if it is too old, of another principal,
   * or signed with a key that is gone; which of them is not told. `REFS_FORGED` (kind `denied`) if it is from the future.
   */
  verify(signed: SignedSegmentRef, scope: RefScope): Promise<void>
}

/** A key for signing refs. */
export interface RefKey {
  /** Travels with each ref, so that keys can be rotated. */
  readonly id: string
  /** At least 32 random bytes. */
  readonly secret: Uint8Array
}

interface WindowOptions {
  /** How long after its upload a ref may be committed. Default one hour. */
  readonly uploadWindowMs?: number
  /** Milliseconds since 1970. */
  readonly nowMs: () => number
}

const UPLOAD_WINDOW_MS_DEFAULT = 3_600_000
const SKEW_MS_MAX = 300_000
const SECRET_BYTES_MIN = 32
const encoder = new TextEncoder()

/** How refs are signed. */
export interface HmacRefSignerOptions extends WindowOptions {
  readonly keys: readonly RefKey[]
  /**
   * Computes an HMAC-SHA-256. Default: Web Crypto, which hands even so few bytes to another thread and back: where a runtime
   * can do it at once, as `node:crypto` can, that takes a twentieth of the time.
   */
  readonly hmacSha256?: (secret: Uint8Array, message: Uint8Array) => Uint8Array
}

/**
 * Signs refs with HMAC-SHA-256. The first key signs; all of them verify, so that a new key can be put in front and an old
 * one be dropped an upload window later.
 *
 * @throws {@link ProtocolError} `OPTIONS_INVALID`: no key, a short one, two with one id, or one without.
 */
export function hmacRefSigner(options: HmacRefSignerOptions): RefSigner {
  const keys = new Map(options.keys.map((key) => [key.id, lazyKey(checkKey(key))]))
  const current = options.keys[0]
  if (current === undefined) throw new ProtocolError('OPTIONS_INVALID', 'a ref signer needs at least one key')
  if (keys.size !== options.keys.length) throw new ProtocolError('OPTIONS_INVALID', 'two ref keys have the same id')
  const signingKey = keys.get(current.id) as () => Promise<CryptoKey>
  return {
    async sign(ref, scope) {
      const unsigned = create(SignedSegmentRefSchema, { ref, issuedAtMs: BigInt(options.nowMs()), keyId: current.id })
      const message = signedBytes(unsigned, scope)
      const signature =
        options.hmacSha256?.(current.secret, message) ??
        new Uint8Array(await crypto.subtle.sign('HMAC', await signingKey(), message))
      return { ...unsigned, signature }
    },
    async verify(signed, scope) {
      const key = keys.get(signed.keyId)
      if (key === undefined) throw expired()
      const isGenuine = await crypto.subtle.verify(
        'HMAC',
        await key(),
        Uint8Array.from(signed.signature),
        signedBytes(signed, scope),
      )
      // A ref of another principal or volume is answered like an old one: the answer must not tell which.
      if (!isGenuine) throw expired()
      checkAge(signed, options)
    },
  }
}

/** Checks the age of refs and nothing else: for both stores in one process, where nobody can forge them. */
export function ageOnlyRefSigner(options: WindowOptions): RefSigner {
  return {
    sign: async (ref) => create(SignedSegmentRefSchema, { ref, issuedAtMs: BigInt(options.nowMs()) }),
    verify: async (signed) => checkAge(signed, options),
  }
}

function checkAge(signed: SignedSegmentRef, options: WindowOptions): void {
  const ageMs = options.nowMs() - Number(signed.issuedAtMs)
  if (ageMs > (options.uploadWindowMs ?? UPLOAD_WINDOW_MS_DEFAULT)) throw expired()
  if (ageMs < -SKEW_MS_MAX) throw new ProtocolError('REFS_FORGED', 'a segment ref is from the future')
}

function expired(): ProtocolError {
  return new ProtocolError('REFS_EXPIRED', 'a segment ref cannot be committed any more; upload its pages again')
}

function checkKey(key: RefKey): RefKey {
  if (key.id === '') throw new ProtocolError('OPTIONS_INVALID', 'a ref key needs an id')
  if (key.secret.length < SECRET_BYTES_MIN) {
    throw new ProtocolError('OPTIONS_INVALID', `a ref key needs at least ${SECRET_BYTES_MIN} bytes, got=${key.secret.length}`)
  }
  return key
}

// Imported when first needed: a promise that fails before anybody waits for it would end the process.
function lazyKey(key: RefKey): () => Promise<CryptoKey> {
  const secret = Uint8Array.from(key.secret)
  let imported: Promise<CryptoKey> | undefined
  return () => {
    imported ??= crypto.subtle.importKey('raw', secret, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify'])
    return imported
  }
}

// Each part is preceded by its length, so that bytes cannot slide from one part into the next.
function signedBytes(signed: Pick<SignedSegmentRef, 'ref' | 'issuedAtMs' | 'keyId'>, scope: RefScope): Uint8Array<ArrayBuffer> {
  const time = new Uint8Array(8)
  new DataView(time.buffer).setBigUint64(0, signed.issuedAtMs, false)
  const parts = [
    encoder.encode('graft-ts segment ref 1'),
    encoder.encode(signed.keyId),
    time,
    idToBytes(scope.volumeId),
    encoder.encode(scope.principal),
    signed.ref,
  ]
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + 4 + part.length, 0))
  const view = new DataView(bytes.buffer)
  let offset = 0
  for (const part of parts) {
    view.setUint32(offset, part.length, false)
    bytes.set(part, offset + 4)
    offset += 4 + part.length
  }
  return bytes
}
