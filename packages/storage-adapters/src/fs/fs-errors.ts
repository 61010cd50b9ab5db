import { isStoreError, StoreError, type StoreErrorCode } from '../errors.ts'
import { errnoOf } from './files.ts'

const CODE_OF_ERRNO: Readonly<Record<string, StoreErrorCode>> = {
  ENOSPC: 'STORE_FULL',
  EDQUOT: 'STORE_FULL',
  EFBIG: 'STORE_OBJECT_TOO_LARGE',
  EROFS: 'STORE_READ_ONLY',
  // The folder of the store plus the escaped key is longer than the system allows.
  ENAMETOOLONG: 'STORE_KEY',
  ENOTDIR: 'STORE_CORRUPT',
  EISDIR: 'STORE_CORRUPT',
}

/** Turns a failed system call of a read into a typed error. Errors that are typed already pass. */
export function readError(error: unknown, what: string): StoreError {
  if (isStoreError(error)) return error
  const errno = errnoOf(error)
  const isDenied = errno === 'EACCES' || errno === 'EPERM'
  const code = isDenied ? 'STORE_DENIED' : (CODE_OF_ERRNO[errno] ?? 'STORE_UNAVAILABLE')
  return describe(code, errno, what, error)
}

/** Turns a failure to open the store into a typed error. */
export function openError(error: unknown, directory: string): StoreError {
  const errno = errnoOf(error)
  if (errno === 'ENOENT') return describe('STORE_MISSING', errno, `the folder does not exist, directory=${directory}`, error)
  if (errno === 'ENOTDIR') return describe('STORE_MISSING', errno, `that is no folder, directory=${directory}`, error)
  return writeError(error, `open, directory=${directory}`)
}

/** Turns a failed system call of a write that has had no effect into a typed error. */
export function writeError(error: unknown, what: string): StoreError {
  if (isStoreError(error)) return error
  const errno = errnoOf(error)
  const isDenied = errno === 'EACCES' || errno === 'EPERM'
  const code = isDenied ? 'STORE_NOT_WRITABLE' : (CODE_OF_ERRNO[errno] ?? 'STORE_UNAVAILABLE')
  return describe(code, errno, what, error)
}

// A system call that fails with one of these has done nothing. Of others, EIO above all, nobody can be sure.
const HARMLESS_ERRNOS: ReadonlySet<string> = new Set([
  ...['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT', 'EFBIG', 'ENAMETOOLONG', 'ENOTDIR', 'EISDIR', 'ENOENT', 'EEXIST'],
  ...['ENOTEMPTY', 'EMLINK', 'EXDEV', 'EBUSY', 'EMFILE', 'ENFILE', 'ENOMEM', 'ELOOP', 'ENOSYS', 'EOPNOTSUPP', 'ENOTSUP'],
])

/** The error of the call that makes a write visible: unchanged, unless it leaves open whether it has done so. */
export function effectError(error: unknown, what: string): unknown {
  if (isStoreError(error) || HARMLESS_ERRNOS.has(errnoOf(error))) return error
  return describe('STORE_OUTCOME_UNKNOWN', errnoOf(error), `${what}: failed while it became visible`, error)
}

/** The error of a write that is visible already, but whose durability could not be had. */
export function syncError(error: unknown, what: string): StoreError {
  return describe('STORE_OUTCOME_UNKNOWN', errnoOf(error), `${what}: visible, but not known to be durable`, error)
}

/** The error of a store whose folder has been moved, deleted or unmounted since it was opened. */
export function goneError(directory: string): StoreError {
  return new StoreError('STORE_MISSING', `the folder of the store is gone, directory=${directory}`)
}

function describe(code: StoreErrorCode, errno: string, what: string, cause: unknown): StoreError {
  return new StoreError(code, errno === '' ? what : `${what}, ${errno}`, { cause })
}
