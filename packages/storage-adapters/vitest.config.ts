export { default } from '@graft-ts/internal-config/vitest'
