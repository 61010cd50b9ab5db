export type { StoreCall } from './around-calls.ts'
export { FAULT_CLASSES, type FaultClass, type FaultyOptions, type FaultyStore, faulty } from './testing/faulty.ts'
export { seededRandom } from './testing/seeded-random.ts'
