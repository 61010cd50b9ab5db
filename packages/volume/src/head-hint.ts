import { RecordError } from './errors.ts'
import { type Lsn, parseLsn } from './lsn.ts'
import { openRecord, sealRecord } from './sealed-record.ts'

/** Encodes the head hint: a recent LSN as 8 bytes, sealed. Fresh bytes. */
export function encodeHeadHint(lsn: Lsn): Uint8Array<ArrayBuffer> {
  const payload = new Uint8Array(8)
  new DataView(payload.buffer).setBigUint64(0, BigInt(lsn), true)
  return sealRecord('head', payload)
}

/** Decodes the head hint. Throws {@link RecordError}. Whoever reads it must not believe it: it is where to start looking. */
export function decodeHeadHint(bytes: Uint8Array): Lsn {
  const { payload } = openRecord('head', bytes)
  if (payload.length !== 8) throw new RecordError('RECORD_CONTENT', `a head hint has 8 bytes, got=${payload.length}`)
  const lsn = new DataView(payload.buffer, payload.byteOffset, 8).getBigUint64(0, true)
  try {
    return parseLsn(lsn)
  } catch (cause) {
    throw new RecordError('RECORD_CONTENT', 'a head hint that is not an LSN', { cause })
  }
}
