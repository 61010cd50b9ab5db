import { isStoreError, type StoreErrorCode, type StoreErrorKind } from '../errors.ts'
import type { ObjectStore } from '../object-store.ts'

/** What one test of the suite works on. */
export interface Trial {
  /** An empty store. */
  readonly store: ObjectStore
  /** Another handle on the same storage, or the same handle. Races run across both. */
  readonly peer: ObjectStore
  /** How many callers race. */
  readonly racers: number
  /** How often a race is repeated. */
  readonly rounds: number
  /** Lengths of the bodies that race; servers that are safe with small bodies may not be with large ones. */
  readonly raceBytes: readonly number[]
}

/** One test. */
export interface Check {
  readonly name: string
  readonly run: (trial: Trial) => Promise<void>
}

/** One group of tests. */
export interface CheckGroup {
  readonly name: string
  readonly checks: readonly Check[]
}

/** A promise of the contract that the store did not keep. */
class ConformanceFailure extends Error {
  override readonly name = 'ConformanceFailure'
}

export function ok(condition: boolean, message: string): asserts condition {
  if (!condition) throw new ConformanceFailure(message)
}

export function equal(actual: unknown, expected: string | number | boolean | undefined, what: string): void {
  ok(Object.is(actual, expected), `${what}: expected ${String(expected)}, actual ${show(actual)}`)
}

function show(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value).slice(0, 200) : String(value)
}

export function equalBytes(actual: Uint8Array | undefined, expected: Uint8Array, what: string): void {
  ok(actual !== undefined, `${what}: expected ${expected.byteLength} bytes, actual absent`)
  equal(actual.byteLength, expected.byteLength, `${what}, length`)
  for (let i = 0; i < expected.byteLength; i++) {
    if (actual[i] !== expected[i]) throw new ConformanceFailure(`${what}: byte ${i} differs`)
  }
}

export function equalLists(actual: readonly string[], expected: readonly string[], what: string): void {
  ok(
    actual.length === expected.length && actual.every((item, i) => item === expected[i]),
    `${what}:\n  expected ${JSON.stringify(expected).slice(0, 2000)}\n  actual   ${JSON.stringify(actual).slice(0, 2000)}`,
  )
}

/** Waits for a call that has to fail with this kind and, if given, this code. */
export async function fails(
  what: string,
  call: Promise<unknown> | (() => Promise<unknown>),
  kind: StoreErrorKind,
  code?: StoreErrorCode,
): Promise<void> {
  // A throw before the promise would escape `.catch` of callers, so it counts as a failure of its own.
  const promise = typeof call === 'function' ? startCall(what, call) : call
  const error = await failureOf(promise)
  ok(error !== undefined, `${what}: expected a failure of kind ${kind}, but it succeeded`)
  ok(isStoreError(error), `${what}: expected a StoreError of kind ${kind}, actual ${describeError(error)}`)
  equal(error.kind, kind, `${what}, kind of "${error.message}"`)
  if (code !== undefined) equal(error.code, code, `${what}, code`)
}

function startCall(what: string, call: () => Promise<unknown>): Promise<unknown> {
  try {
    return call()
  } catch (error) {
    throw new ConformanceFailure(`${what}: threw before it returned a promise`, { cause: error })
  }
}

/** The error that a promise fails with, `undefined` if it succeeds. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
    return undefined
  } catch (error) {
    return error ?? new Error('threw nothing')
  }
}

/** The kind of failure of a promise, `'done'` if it succeeds. Untyped errors fail the test. */
export async function outcomeOf(promise: Promise<unknown>): Promise<StoreErrorKind | 'done'> {
  const error = await failureOf(promise)
  if (error === undefined) return 'done'
  ok(isStoreError(error), `expected a StoreError, actual ${describeError(error)}`)
  return error.kind
}

function describeError(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
}

const encoder = new TextEncoder()

export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text)
}

/** Bytes that differ from place to place and from seed to seed. */
export function pattern(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length)
  let state = (seed * 2654435761) >>> 0 || 1
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    bytes[i] = state >>> 24
  }
  return bytes
}

/** Runs calls with at most `width` under way. */
export async function inParallel<T>(items: readonly T[], width: number, run: (item: T) => Promise<void>): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < items.length) await run(items[next++] as T)
  }
  await Promise.all(Array.from({ length: width }, worker))
}
