/** What was wrong. */
export type PrefetchErrorCode = 'PREFETCH_OPTIONS'

/** An option is outside its range. Fix the call. */
export class PrefetchError extends Error {
  override readonly name = 'PrefetchError'
  readonly kind = 'invalid'
  readonly code: PrefetchErrorCode

  constructor(code: PrefetchErrorCode, message: string) {
    super(message)
    this.code = code
  }
}

/** Gives an option back if it is a whole number in its range, else throws {@link PrefetchError} `PREFETCH_OPTIONS`. */
export function checkOption(name: string, value: number, range: { min: number; max: number }): number {
  if (!Number.isInteger(value) || value < range.min || value > range.max) {
    throw new PrefetchError('PREFETCH_OPTIONS', `${name} must be a whole number from ${range.min} to ${range.max}, got=${value}`)
  }
  return value
}
