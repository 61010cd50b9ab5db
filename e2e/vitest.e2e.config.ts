import type { ViteUserConfig } from 'vitest/config'
import shared from './vitest.config.ts'

const config: ViteUserConfig = {
  ...shared,
  test: {
    ...shared.test,
    include: ['suites/**/*.e2e.test.ts'],
    // The kernel ends a server with the thread that started it, so that has to live as long as the tests.
    pool: 'forks',
    // Each suite has servers of its own, and all of the machine.
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 180_000,
  },
}

export default config
