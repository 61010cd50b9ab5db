/** How often properties run, and from which seed: from the environment, so that a long run needs no change. */
export const propertyParameters = {
  numRuns: Number(process.env['FAST_CHECK_RUNS'] ?? 200),
  ...(process.env['FAST_CHECK_SEED'] !== undefined && { seed: Number(process.env['FAST_CHECK_SEED']) }),
}

/** How long the runs of a property may take in all: far longer than they do, and short enough to notice one that hangs. */
export const propertyTimeoutMs: number = 60_000 + propertyParameters.numRuns * 300
