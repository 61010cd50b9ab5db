/** A binary set operation, by what it keeps. */
export interface Operation {
  /** Values that only the left set has. */
  readonly left: boolean
  /** Values that only the right set has. */
  readonly right: boolean
  /** Values that both have. */
  readonly both: boolean
}

export const UNION: Operation = { left: true, right: true, both: true }
export const INTERSECTION: Operation = { left: false, right: false, both: true }
export const DIFFERENCE: Operation = { left: true, right: false, both: false }
export const SYMMETRIC_DIFFERENCE: Operation = { left: true, right: true, both: false }
