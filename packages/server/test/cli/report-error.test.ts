import type { ErrorKind } from '@graft-ts/volume'
import { expect, test } from 'vitest'
import { EXIT_CODE_OF, EXIT_CODES_HELP } from '../../src/cli/exit-codes.ts'
import { reportError } from '../../src/cli/report-error.ts'

const typed = (kind: ErrorKind, code: string, message: string) => Object.assign(new Error(message), { kind, code })

test('the kind of an error decides the exit code', () => {
  for (const [kind, exitCode] of Object.entries(EXIT_CODE_OF)) {
    expect(reportError(typed(kind as ErrorKind, 'X', 'x'), [], false).exitCode).toBe(exitCode)
    expect(EXIT_CODES_HELP).toContain(`\n  ${exitCode} `)
  }
})

test('one line with the code, then what to do, then what else is to be known', () => {
  const { text, json } = reportError(typed('missing', 'LSN_FUTURE', 'no such\n  commit yet'), ['a note'], false)
  expect(text).toBe('error LSN_FUTURE: no such commit yet\nhint: see `graft-ts log` for the commits that exist\nnote: a note\n')
  expect(JSON.parse(json)).toEqual({
    error: {
      kind: 'missing',
      code: 'LSN_FUTURE',
      message: 'no such\n  commit yet',
      hint: 'see `graft-ts log` for the commits that exist',
      notes: ['a note'],
    },
  })
})

test('an error without a kind is a bug, and shows where it came from only when asked', () => {
  const report = reportError(new TypeError('x is undefined'), [], false)
  expect([report.exitCode, report.text]).toEqual([1, 'error INTERNAL: x is undefined\n'])
  expect(reportError(new TypeError('x'), [], true).text).toContain('report-error.test.ts')
  expect(reportError('text', [], false).text).toBe('error INTERNAL: text\n')
})
