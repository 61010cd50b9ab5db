import { readFileSync } from 'node:fs'
import { codeToHttpStatus, codeToString } from '@connectrpc/connect/protocol-connect'
import { type ErrorKind, isErrorKind } from '@graft-ts/volume'
import { expect, test } from 'vitest'
import { ProtocolError, type ProtocolErrorCode, toConnectError } from '../src/index.ts'
import { StoreError } from './stand-ins.ts'

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8')
const errorsDoc = read('../../../docs/protocol/errors.md')
const readme = read('../README.md')

/** The cells of a table's rows, without their code marks. */
const rowsOf = (text: string): string[][] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll('`', '')),
    )

test('the table of kinds in docs/protocol/errors.md is what the code does', () => {
  const section = errorsDoc.split('## Kinds')[1]?.split('## ')[0] as string
  const rows = rowsOf(section)
  expect(rows).toHaveLength(11)
  for (const [kind, connect, http] of rows as [ErrorKind, string, string][]) {
    expect(isErrorKind(kind)).toBe(true)
    const { code } = toConnectError(new StoreError(kind, 'X', 'x'))
    expect([kind, codeToString(code), `${codeToHttpStatus(code)}`]).toEqual([kind, connect, http])
  }
})

test.each([
  ['README.md', readme],
  ['docs/protocol/errors.md', errorsDoc.split('## Codes')[1] as string],
])('the codes in %s have the kinds that the code gives them', (_, text) => {
  const codes = ['MESSAGE_INVALID', 'MESSAGE_TOO_LARGE', 'SET_INVALID', 'SET_PAGE_ZERO', 'SET_TOO_LARGE', 'DATA_LENGTH'] as const
  const more = ['REFS_TOO_MANY', 'INLINE_TOO_LARGE', 'REFS_EXPIRED', 'REFS_FORGED', 'WATCH_TOO_LARGE'] as const
  const kinds = new Map(rowsOf(text).flatMap(([names, kind]) => (names as string).split(', ').map((name) => [name, kind])))
  for (const code of [...codes, ...more] satisfies ProtocolErrorCode[]) {
    expect([code, kinds.get(code)]).toEqual([code, new ProtocolError(code, 'x').kind])
  }
})
