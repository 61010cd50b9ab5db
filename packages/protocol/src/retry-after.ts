/** A `Retry-After` header in seconds, as milliseconds. */
export function secondsToMs(header: string | null): number | undefined {
  return header !== null && /^\d{1,6}$/.test(header) ? Number(header) * 1000 : undefined
}
