/** How many runs a property has, and its seed: named by the environment when a failure is to be repeated. */
export const parameters: { numRuns: number; seed?: number } = {
  numRuns: Number(process.env['FAST_CHECK_RUNS'] ?? 200),
  ...(process.env['FAST_CHECK_SEED'] !== undefined && { seed: Number(process.env['FAST_CHECK_SEED']) }),
}
