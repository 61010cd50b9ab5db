import { expect, test } from 'vitest'
import { FileError, fileError } from '../../src/files/errors.ts'

test('failed system calls become typed errors; what is typed already, or unknown, stays', () => {
  const errno = (code: string) => fileError(Object.assign(new Error(code), { code }), '/x')
  expect(errno('ENOENT')).toMatchObject({ code: 'FILE_MISSING', kind: 'missing' })
  expect(errno('EROFS')).toMatchObject({ code: 'FILE_DENIED', kind: 'denied' })
  expect(errno('ENOSPC')).toMatchObject({ code: 'DISK_FULL', kind: 'exhausted' })
  expect(errno('EIO')).toMatchObject({ code: 'FILE_FAILED', kind: 'unavailable' })
  const own = new FileError('FILE_EMPTY', 'x')
  expect(fileError(own, '/x')).toBe(own)
  const bug = new TypeError('x')
  expect(fileError(bug, '/x')).toBe(bug)
})
