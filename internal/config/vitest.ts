import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

// Tests run from source: the private condition comes first. Of Vite's own, which ours replace, `module` is left out: it leads to
// files of the S3 SDK that only bundlers can load.
const conditions: string[] = ['@graft-ts/source', 'node', 'development|production']

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: [fileURLToPath(new URL('./seeds.ts', import.meta.url))],
    passWithNoTests: false,
    testTimeout: 60_000,
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      exclude: ['src/gen/**'],
      reporter: ['text-summary', 'text'],
      thresholds: { branches: 90 },
    },
  },
})
