import shared from '@graft-ts/internal-config/vitest'
import type { ViteUserConfig } from 'vitest/config'

// Vite's own condition `module` leads to files of the S3 SDK that only bundlers can load.
const conditions: string[] = ['@graft-ts/source', 'node', 'development|production']

const config: ViteUserConfig = { ...shared, resolve: { conditions }, ssr: { resolve: { conditions } } }
export default config
