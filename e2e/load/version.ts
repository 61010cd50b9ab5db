// What the writers of the load store: objects that tell on their own who wrote each version of them.

/** One version of an object: it was written by the last of `writers`, over the version that all the others had written. */
export interface Version {
  readonly key: string
  /** Who wrote the versions 1, 2, … up to this one. No writer tries the same version of an object twice with other bytes. */
  readonly writers: readonly number[]
}

/**
 * The bytes of a version: a line of JSON, then filler that follows from it.
 *
 * @param bytes Length of all of it; more if the line alone is longer.
 */
export function encodeVersion(version: Version, bytes: number): Uint8Array<ArrayBuffer> {
  const head = new TextEncoder().encode(`${JSON.stringify(version)}\n`)
  const body = new Uint8Array(Math.max(bytes, head.byteLength))
  body.set(head)
  fill(body, head.byteLength)
  return body
}

/** Reads a version. @throws {Error} if any byte is not what {@link encodeVersion} wrote. */
export function decodeVersion(body: Uint8Array): Version {
  const end = body.indexOf(0x0a)
  if (end === -1) throw new Error(`no version, bytes=${body.byteLength}`)
  const version = JSON.parse(new TextDecoder().decode(body.subarray(0, end))) as Version
  const expected = encodeVersion(version, body.byteLength)
  if (Buffer.compare(expected, body) !== 0) throw new Error(`the bytes are not those of ${JSON.stringify(version)}`)
  return version
}

/** Bytes that depend on all bytes before them and on their place. */
function fill(body: Uint8Array, start: number): void {
  let state = 2166136261
  for (let i = 0; i < start; i++) state = Math.imul(state ^ (body[i] as number), 16777619)
  for (let i = start; i < body.byteLength; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    body[i] = state >>> 24
  }
}
