export { SplinterError, type SplinterErrorCode, type SplinterErrorKind } from './errors.ts'
export type { SetLike, SplinterReader } from './reader.ts'
export { Splinter } from './splinter.ts'
export { SplinterView } from './view.ts'
