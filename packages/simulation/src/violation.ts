/** Something happened that must never happen. Ends the run. */
export class Violation extends Error {
  override readonly name = 'Violation'
  /** The invariant or property, such as `I4`. */
  readonly check: string

  constructor(check: string, message: string, options?: ErrorOptions) {
    super(`${check}: ${message}`, options)
    this.check = check
  }
}

/** Throws a {@link Violation} unless the condition holds. */
export function mustHold(condition: boolean, check: string, message: () => string): asserts condition {
  if (!condition) throw new Violation(check, message())
}
