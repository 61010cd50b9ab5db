/** Encoded bytes of a set. */
export const SIZE = 'encoded size'
/** Bytes of a set in memory. */
export const MEMORY = 'memory of a set'
export const UNION_MANY = 'union of 1000 page sets from bytes'

/** What a row of the results is called. `isOnBytes`: asked of a view. */
export function caseOf(what: string, workload: string, isOnBytes = false): string {
  return `${what}${isOnBytes ? ' on bytes' : ''}, ${workload}`
}
