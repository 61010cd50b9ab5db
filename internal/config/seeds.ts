// Runs before every test file: properties that name no seed of their own get one, so that a failure can be repeated.
import fc from 'fast-check'

fc.configureGlobal({
  seed: Number(process.env['FAST_CHECK_SEED'] ?? 7),
  numRuns: Number(process.env['FAST_CHECK_RUNS'] ?? 200),
})
