export { admitArrivals, type RefusedCall } from './service/admit-arrivals.ts'
export {
  CallTelemetry,
  type CallTelemetryOptions,
  type Instrument,
  type ObservedCall,
  type ObservedStore,
  type StoreTelemetrySink,
  type TelemetrySink,
} from './service/call-telemetry.ts'
export { Call, type CallFailure, Calls, type CallsOptions } from './service/calls.ts'
export { type KindAndCode, kindAndCode } from './service/kind-and-code.ts'
export { type RequestLimits, RequestSlots } from './service/request-slots.ts'
export { safeLog } from './service/safe-log.ts'
