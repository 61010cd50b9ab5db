import type { ErrorKind } from '@graft-ts/volume'

/** Nothing went wrong. */
export const EXIT_OK = 0
/** A bug of the program: an error without a kind. */
export const EXIT_BUG = 1

/** The exit code of each kind of error. Shown by `--help` and in the README. */
export const EXIT_CODE_OF: Readonly<Record<ErrorKind, number>> = {
  unavailable: 1,
  closed: 1,
  invalid: 2,
  missing: 3,
  conflict: 4,
  corrupt: 5,
  denied: 6,
  exhausted: 7,
  unsupported: 8,
  unknown: 9,
  aborted: 130,
}

/** What the exit codes mean, for people. */
export const EXIT_CODES_HELP = `Exit codes:
  0    done
  1    failed: the server or the store does not answer, try again later
  2    wrong usage or wrong input
  3    there is no such volume, commit, segment or file
  4    conflict: the volume or the file is not what it was, or the file exists
  5    stored bytes are damaged
  6    not allowed
  7    a limit is reached or the disk is full
  8    the other side is of another kind or version
  9    unknown: the write may have happened; run the command again to find out
  130  interrupted`
