export { SplinterError, type SplinterErrorCode, type SplinterErrorKind } from './errors.ts'
export type { SetLike, SetReader } from './reader.ts'
export { Splinter, type SplinterReader } from './splinter.ts'
export { SplinterView } from './view.ts'
