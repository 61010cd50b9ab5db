export type { ByteSource, ObjectBody } from './bodies.ts'
export { type DeadlineOptions, deadline } from './deadline.ts'
export { isStoreError, kindOfStoreCode, StoreError, type StoreErrorCode, type StoreErrorKind } from './errors.ts'
export { type HedgedClock, type HedgedOptions, type HedgedStore, hedged } from './hedged.ts'
export { checkKey, checkPrefix, compareKeys, KEY_BYTES_MAX, KEY_SEGMENT_BYTES_MAX } from './keys.ts'
export { type LimitedOptions, type LimitedStore, limited } from './limited.ts'
export { type MeteredStore, metered, type StoreCounts } from './metered.ts'
export {
  type ByteRange,
  type CallOptions,
  type CompareAndSwapOptions,
  type DeleteOptions,
  type GetOptions,
  LIST_LIMIT_MAX,
  type ListEntry,
  type ListOptions,
  type ListPage,
  listAll,
  OBJECT_BYTES_MAX_DEFAULT,
  type ObjectInfo,
  type ObjectStore,
  type StoreCapabilities,
  type StoreCondition,
  type StoredObject,
  type WriteResult,
} from './object-store.ts'
export { prefixed } from './prefixed.ts'
export {
  AWS_S3_EXPRESS_ONE_ZONE,
  AWS_S3_STANDARD,
  CLOUDFLARE_R2_STANDARD,
  estimateCost,
  GOOGLE_CLOUD_STORAGE_STANDARD,
  type PriceClass,
  type StoreCost,
  type StorePrices,
} from './prices.ts'
export { type ProbeOptions, probe } from './probe.ts'
export { type RetryingOptions, retrying } from './retrying.ts'
export { type GetStreamOptions, getStream, type StreamedObject } from './streamed.ts'
export type { StoreTimers } from './timers.ts'
