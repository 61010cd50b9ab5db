import { create, type DescMessage, fromBinary, isFieldSet, type Message, type MessageShape, toBinary } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FieldCounter } from '../src/field-counter.ts'
import {
  CommitRequestSchema,
  commitProposalToWire,
  DescribeMetaResponseSchema,
  ReadPagesResponseSchema,
  WatchRequestSchema,
} from '../src/index.ts'
import { mutations, parameters, proposals } from './samples.ts'

/** Whether a message is taken, when its bytes arrive in pieces that end at the cuts. */
function isTaken(desc: DescMessage, bytes: Uint8Array, fieldsMax: number, cuts: readonly number[] = []): boolean {
  const counter = new FieldCounter(desc, fieldsMax)
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)
  let start = 0
  try {
    for (const end of ends) {
      counter.push(bytes.subarray(start, end))
      start = end
    }
    return true
  } catch (error) {
    expect(error).toMatchObject({ name: 'ProtocolError', code: expect.stringMatching(/^MESSAGE_(INVALID|TOO_LARGE)$/) })
    return false
  }
}

/** The fields that a decoded message has, those of the messages in it included. */
function fieldsOf<Desc extends DescMessage>(desc: Desc, message: MessageShape<Desc>): number {
  let count = 0
  for (const field of desc.fields) {
    if (!isFieldSet(message, field)) continue
    const value: unknown = (message as unknown as Record<string, unknown>)[field.localName]
    const values = Array.isArray(value) ? (value as unknown[]) : [value]
    count += values.length
    for (const one of values) if (field.message !== undefined) count += fieldsOf(field.message, one as Message)
  }
  return count
}

/** Bytes that look like fields: tags of every number and kind, and short lengths. */
const fieldLike = fc
  .array(
    fc.oneof(
      {
        weight: 3,
        arbitrary: fc.tuple(fc.integer({ min: 0, max: 12 }), fc.nat(7)).map(([number, kind]) => (number << 3) | kind),
      },
      { weight: 2, arbitrary: fc.nat(6) },
      fc.nat(255),
    ),
    { maxLength: 80, size: 'max' },
  )
  .map((bytes) => Uint8Array.from(bytes.map((byte) => byte & 0xff)))

const SCHEMAS: readonly DescMessage[] = [
  CommitRequestSchema,
  WatchRequestSchema,
  ReadPagesResponseSchema,
  DescribeMetaResponseSchema,
]

describe('I11: the fields of a message are counted before they are decoded', () => {
  test('what is taken has no more of them for the decoder, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.constantFrom(...SCHEMAS), fieldLike, fc.nat(20), (desc, bytes, fieldsMax) => {
        if (!isTaken(desc, bytes, fieldsMax)) return
        let message: MessageShape<typeof desc>
        try {
          message = fromBinary(desc, bytes)
        } catch {
          return
        }
        expect(fieldsOf(desc, message)).toBeLessThanOrEqual(fieldsMax)
      }),
      { ...parameters, numRuns: parameters.numRuns * 20 },
    )
  })

  test('every message that we write is taken, with exactly as many as it has', () => {
    fc.assert(
      fc.property(proposals, (proposal) => {
        const message = commitProposalToWire(proposal)
        const bytes = toBinary(CommitRequestSchema, message)
        const exact = fieldsOf(CommitRequestSchema, message)
        expect([isTaken(CommitRequestSchema, bytes, exact), isTaken(CommitRequestSchema, bytes, exact - 1)]).toEqual([
          true,
          false,
        ])
      }),
      parameters,
    )
  })

  test('in whatever pieces it arrives', () => {
    fc.assert(
      fc.property(
        proposals,
        mutations,
        fc.array(fc.nat(), { maxLength: 20 }),
        fc.nat(30),
        (proposal, mutate, cuts, fieldsMax) => {
          const bytes = mutate(toBinary(CommitRequestSchema, commitProposalToWire(proposal)))
          expect(isTaken(CommitRequestSchema, bytes, fieldsMax, cuts)).toBe(isTaken(CommitRequestSchema, bytes, fieldsMax))
        },
      ),
      parameters,
    )
  })

  test.each<[string, number[]]>([
    // The decoder would go by the field's own type, and take what follows for fields.
    ['bytes where a number belongs', [(2 << 3) | 2, 4, 0x4a, 0, 0x4a, 0]],
    ['a number where a message belongs', [(9 << 3) | 0, 0, 0x4a, 0]],
    ['eight bytes where a message belongs', [(9 << 3) | 1, 0, 0x4a, 0, 0x4a, 0, 0x4a, 0, 0]],
    ['bytes where a number of a part belongs', [(9 << 3) | 2, 4, (2 << 3) | 2, 2, 0x0a, 0]],
    ['a group', [(15 << 3) | 3, (15 << 3) | 4]],
    ['a number of eleven bytes', [(2 << 3) | 0, ...Array.from({ length: 10 }, () => 0x80), 0]],
  ])('%s is refused', (_, bytes) => {
    expect(isTaken(CommitRequestSchema, Uint8Array.from(bytes), 1000)).toBe(false)
  })

  test('fields that nobody knows are taken, and count', () => {
    const unknown = Uint8Array.of((15 << 3) | 2, 3, 0x4a, 0, 0x4a, (15 << 3) | 0, 200, 1, (14 << 3) | 5, 1, 2, 3, 4)
    expect(isTaken(CommitRequestSchema, unknown, 3)).toBe(true)
    expect(isTaken(CommitRequestSchema, unknown, 2)).toBe(false)
  })

  test('numbers that are packed count one by one, at most', () => {
    const message = create(ReadPagesResponseSchema, { writtenLsns: Array.from({ length: 50 }, (_, i) => BigInt(i)) })
    const bytes = toBinary(ReadPagesResponseSchema, message)
    expect(isTaken(ReadPagesResponseSchema, bytes, 51)).toBe(true)
    expect(isTaken(ReadPagesResponseSchema, bytes, 50)).toBe(false)
  })
})
