import type { ErrorKind } from '@graft-ts/volume'

/** What is wrong with a file that is imported, or with the place of one that is exported. */
export type FileErrorCode =
  | 'FILE_MISSING'
  | 'FILE_DENIED'
  | 'FILE_EXISTS'
  | 'FILE_KIND'
  | 'FILE_EMPTY'
  | 'FILE_NOT_SQLITE'
  | 'FILE_SIZE'
  | 'FILE_TRUNCATED'
  | 'FILE_WAL'
  | 'FILE_JOURNAL'
  | 'FILE_CHANGED'
  | 'FILE_FAILED'
  | 'DISK_FULL'
  | 'PAGE_SIZE_DIFFERS'

/** The kinds that files give rise to; they mean the same in every package. */
export type FileErrorKind = Extract<ErrorKind, 'invalid' | 'missing' | 'conflict' | 'denied' | 'exhausted' | 'unavailable'>

const KIND_OF: Readonly<Record<FileErrorCode, FileErrorKind>> = {
  FILE_MISSING: 'missing',
  FILE_DENIED: 'denied',
  FILE_EXISTS: 'conflict',
  FILE_KIND: 'invalid',
  FILE_EMPTY: 'invalid',
  FILE_NOT_SQLITE: 'invalid',
  FILE_SIZE: 'invalid',
  FILE_TRUNCATED: 'invalid',
  FILE_WAL: 'invalid',
  FILE_JOURNAL: 'invalid',
  FILE_CHANGED: 'conflict',
  FILE_FAILED: 'unavailable',
  DISK_FULL: 'exhausted',
  PAGE_SIZE_DIFFERS: 'invalid',
}

/** A file that cannot be read or written as it was asked for. The code decides the kind. */
export class FileError extends Error {
  override readonly name = 'FileError'
  readonly kind: FileErrorKind
  readonly code: FileErrorCode

  constructor(code: FileErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.kind = KIND_OF[code]
  }
}

/** Turns a failed system call on a file of the user's into a typed error. What is none passes as it is. */
export function fileError(error: unknown, path: string): unknown {
  const errno = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
  switch (errno) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new FileError('FILE_MISSING', `no such file or folder, path=${path}`, { cause: error })
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new FileError('FILE_DENIED', `not allowed, path=${path}`, { cause: error })
    case 'EISDIR':
      return new FileError('FILE_KIND', `a folder, not a file, path=${path}`, { cause: error })
    case 'EEXIST':
      return new FileError('FILE_EXISTS', `the file exists, path=${path}`, { cause: error })
    case 'ENOSPC':
    case 'EDQUOT':
      return new FileError('DISK_FULL', `no room is left, path=${path}`, { cause: error })
    case 'EIO':
    case 'EMFILE':
    case 'ENAMETOOLONG':
    case 'ELOOP':
      return new FileError('FILE_FAILED', `the system failed, path=${path} reason=${errno}`, { cause: error })
    default:
      return error
  }
}
