import { create } from '@bufbuild/protobuf'
import { Code, ConnectError } from '@connectrpc/connect'
import type { ErrorKind } from '@graft-ts/volume'
import { describe, expect, test } from 'vitest'
import { ErrorDetailSchema, fromConnectError, ProtocolError, RemoteError, toConnectError } from '../src/index.ts'
import { StoreError } from './stand-ins.ts'

const CODE_OF_KIND: Readonly<Record<ErrorKind, Code>> = {
  invalid: Code.InvalidArgument,
  missing: Code.NotFound,
  conflict: Code.Aborted,
  denied: Code.PermissionDenied,
  exhausted: Code.ResourceExhausted,
  unavailable: Code.Unavailable,
  unknown: Code.Unknown,
  corrupt: Code.DataLoss,
  unsupported: Code.Unimplemented,
  aborted: Code.Canceled,
  closed: Code.FailedPrecondition,
}

describe.each(Object.entries(CODE_OF_KIND) as [ErrorKind, Code][])('kind %s', (kind, connectCode) => {
  test('becomes its Connect code and comes back as it was', () => {
    const error = new StoreError(kind, 'SOME_CODE', 'what happened', 1500)
    const wire = toConnectError(error)
    expect(wire.code).toBe(connectCode)
    for (const hasEffect of [true, false]) {
      const back = fromConnectError(wire, hasEffect)
      expect(back).toBeInstanceOf(RemoteError)
      expect(back).toMatchObject({ kind, code: 'SOME_CODE', message: 'what happened', retryAfterMs: 1500 })
    }
  })
})

describe('retryAfterMs', () => {
  test.each([
    [undefined, undefined],
    [0, 0],
    [1.2, 2],
    [1e12, 0xffffffff],
    [Number.POSITIVE_INFINITY, 0xffffffff],
    [Number.NaN, undefined],
    [-1, undefined],
  ])('%s is sent as %s', (given, sent) => {
    expect(fromConnectError(toConnectError(new StoreError('exhausted', 'X', 'x', given)), false).retryAfterMs).toBe(sent)
  })

  test('a hint of another type is left out', () => {
    const error = Object.assign(new ProtocolError('REFS_TOO_MANY', 'x'), { retryAfterMs: 'soon' })
    expect(fromConnectError(toConnectError(error), false).retryAfterMs).toBeUndefined()
  })
})

describe('what is not one of our errors', () => {
  test.each([
    ['an error', new Error('password=hunter2')],
    ['a thrown text', 'password=hunter2'],
    ['an error of an unknown kind', Object.assign(new Error('password=hunter2'), { kind: 'odd', code: 'X' })],
    ['nothing', undefined],
  ])('%s loses its text, not its cause', (_, thrown) => {
    const wire = toConnectError(thrown)
    expect(wire.code).toBe(Code.Internal)
    expect(wire.message).not.toContain('hunter2')
    expect(wire.details).toHaveLength(0)
    expect(wire.cause).toBe(thrown)
  })

  test('errors that are on their way already stay as they are', () => {
    const wire = new ConnectError('x', Code.NotFound)
    expect(toConnectError(wire)).toBe(wire)
    const remote = new RemoteError('denied', 'X', 'x')
    expect(fromConnectError(remote, true)).toBe(remote)
  })
})

describe('an error without a detail', () => {
  const fromWire = (code: Code): ConnectError => Object.assign(new ConnectError('x', code), { isWireError: true })

  test.each([
    [Code.ResourceExhausted, 'exhausted', 'MESSAGE_TOO_LARGE'],
    [Code.Unimplemented, 'unsupported', 'METHOD_UNKNOWN'],
    [Code.NotFound, 'unsupported', 'METHOD_UNKNOWN'],
    [Code.PermissionDenied, 'denied', 'DENIED'],
    [Code.Unauthenticated, 'denied', 'DENIED'],
    [Code.InvalidArgument, 'invalid', 'MESSAGE_INVALID'],
  ])('of code %s from a server is a refusal, for a write too', (code, kind, expected) => {
    expect(fromConnectError(fromWire(code), true)).toMatchObject({ kind, code: expected })
    expect(fromConnectError(fromWire(code), false)).toMatchObject({ kind, code: expected })
  })

  test.each([Code.Internal, Code.Unknown, Code.Unavailable, Code.DeadlineExceeded, Code.DataLoss, Code.Aborted, Code.Canceled])(
    'I6: of code %s leaves open what a write did',
    (code) => {
      expect(fromConnectError(fromWire(code), true)).toMatchObject({ kind: 'unknown', code: 'OUTCOME_UNKNOWN' })
      expect(fromConnectError(fromWire(code), false)).toMatchObject({ kind: 'unavailable', code: 'NO_ANSWER' })
    },
  )

  test('I6: an answer that this side cannot read is not a refusal', () => {
    for (const code of [Code.InvalidArgument, Code.Internal]) {
      expect(fromConnectError(new ConnectError('parse binary: x', code), true)).toMatchObject({ kind: 'unknown' })
    }
  })

  test('a message that this side cannot write was never sent', () => {
    expect(fromConnectError(new ConnectError('serialize binary: x', Code.Internal), true)).toMatchObject({ kind: 'invalid' })
    expect(fromConnectError(fromWireWith('serialize binary: x'), true)).toMatchObject({ kind: 'unknown' })
  })

  test('giving up leaves open what a write did, and aborts a read', () => {
    const error = new ConnectError('x', Code.Canceled)
    expect(fromConnectError(error, true)).toMatchObject({ kind: 'unknown', code: 'OUTCOME_UNKNOWN' })
    expect(fromConnectError(error, false)).toMatchObject({ kind: 'aborted', code: 'ABORTED' })
  })

  test('a detail of a kind that this version does not know counts as none', () => {
    const value = create(ErrorDetailSchema, { kind: 'sideways', code: 'X' })
    const error = new ConnectError('x', Code.PermissionDenied, undefined, [{ desc: ErrorDetailSchema, value }])
    expect(fromConnectError(error, true)).toMatchObject({ kind: 'denied', code: 'DENIED' })
  })

  test.each([
    ['120', 120_000],
    ['0', 0],
    ['Wed, 21 Oct 2026 07:28:00 GMT', undefined],
    ['-5', undefined],
    ['99999999', undefined],
  ])('Retry-After: %s', (header, expected) => {
    const error = new ConnectError('x', Code.Unavailable, { 'retry-after': header })
    expect(fromConnectError(error, false).retryAfterMs).toBe(expected)
  })

  function fromWireWith(message: string): ConnectError {
    return Object.assign(new ConnectError(message, Code.Internal), { isWireError: true })
  }
})
