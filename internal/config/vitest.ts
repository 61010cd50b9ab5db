import { defaultServerConditions } from 'vite'
import { defineConfig } from 'vitest/config'

// Tests run from source: the private condition comes first, Vite's own are repeated because ours replace them.
const conditions: string[] = ['@graft-ts/source', ...defaultServerConditions]

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: { include: ['test/**/*.test.ts'], passWithNoTests: false, testTimeout: 60_000 },
})
