export { type EmbeddedOptions, type EmbeddedTransport, embedded } from './embedded.ts'
