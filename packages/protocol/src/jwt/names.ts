// Neither may be in an issuer, so that issuer and subject of a principal's id cannot slide into each other.
const NOT_IN_ISSUER = /[\s#]/
const SUBJECT_LENGTH_MAX = 255
// A lone surrogate becomes another character in UTF-8, so that two subjects would be one.
const NOT_IN_SUBJECT = /[\p{Cc}\p{Surrogate}]/u

/** Whether something can be the name of an issuer: not empty, without spaces and `#`. */
export function isIssuer(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && !NOT_IN_ISSUER.test(value)
}

/** Whether something can be the name of a caller: 1 to 255 UTF-16 units, well-formed, without control characters. */
export function isSubject(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= SUBJECT_LENGTH_MAX && !NOT_IN_SUBJECT.test(value)
}
