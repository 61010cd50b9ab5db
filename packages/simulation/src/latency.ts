import type { Random } from './random.ts'

/** How long messages take. Most are quick, some are slow, and now and then one comes after everybody has given up on it. */
export interface Latency {
  /** Milliseconds that most take at most. */
  readonly usualMs: number
  /** How many are slow: up to a hundred times that. */
  readonly slowShare: number
  /** How many are very late. */
  readonly lateShare: number
  /** How late that is at most. */
  readonly lateMs: number
}

/** The latency of a network in good order. */
export function calm(latency: Latency): Latency {
  return { ...latency, slowShare: 0, lateShare: 0 }
}

/** Draws one. */
export function drawLatency(latency: Latency, random: Random): { readonly delayMs: number; readonly isLate: boolean } {
  const which = random.number()
  const part = random.number()
  if (which < latency.lateShare) return { delayMs: latency.lateMs * (0.1 + 0.9 * part), isLate: true }
  if (which < latency.lateShare + latency.slowShare) return { delayMs: latency.usualMs * (1 + 99 * part * part), isLate: false }
  return { delayMs: latency.usualMs * (0.1 + 0.9 * part), isLate: false }
}
