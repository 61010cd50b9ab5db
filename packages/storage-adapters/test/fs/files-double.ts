import { type FsEnvironment, nodeEnvironment } from '../../src/fs/environment.ts'
import { type Files, nodeFiles } from '../../src/fs/files.ts'

/** One call of {@link Files}: its name and first argument, a path or a file descriptor. */
export interface FilesCall {
  readonly name: keyof Files
  readonly path: string
  /** The second path of `link` and `rename`. */
  readonly target: string | undefined
}

/** What happens to a call: nothing special, a failure instead of the call, or a failure after it has had its effect. */
export type Verdict = undefined | { readonly error: Error; readonly when: 'before' | 'after' }

/** Files that report every call and fail those that `judge` says. Descriptors are reported as the path they opened. */
export function watchedFiles(judge: (call: FilesCall) => Verdict): Files {
  const pathOf = new Map<number, string>()
  const wrap = (name: keyof Files) => {
    return async (first: string | number, ...rest: unknown[]): Promise<unknown> => {
      const path = typeof first === 'number' ? (pathOf.get(first) ?? '') : first
      const target = name === 'link' || name === 'rename' ? (rest[0] as string) : undefined
      const verdict = judge({ name, path, target })
      if (verdict?.when === 'before') {
        // The kernel closes what a dead process had open.
        if (name === 'close') await nodeFiles.close(first as number)
        throw verdict.error
      }
      const result = await (nodeFiles[name] as (...args: unknown[]) => Promise<unknown>)(first, ...rest)
      if (name === 'open') pathOf.set(result as number, path)
      if (verdict !== undefined) throw verdict.error
      return result
    }
  }
  const names = Object.keys(nodeFiles) as (keyof Files)[]
  return Object.fromEntries(names.map((name) => [name, wrap(name)])) as unknown as Files
}

/** An error as the system would report it. */
export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: made up by a test`), { code })
}

/** The environment of a process that is not running (any more) on this machine, with files of its own. */
export function deadProcess(files: Files): FsEnvironment {
  return playedProcess(files, { pid: '4194305' })
}

/** The environment of a process on another machine, of which nobody here can tell whether it runs. */
export function foreignProcess(files: Files): FsEnvironment {
  return playedProcess(files, { host: '0badcafe' })
}

function playedProcess(files: Files, changes: { pid?: string; host?: string }): FsEnvironment {
  return {
    ...nodeEnvironment,
    files,
    identify: async (instance) => ({ ...(await nodeEnvironment.identify(instance)), ...changes }),
  }
}

/** Waits without waiting: each delay moves the clock and lets others go on. */
export function handClock(): FsEnvironment['clock'] {
  let nowMs = 0
  return {
    nowMs: () => nowMs,
    dateMs: () => Date.UTC(2200, 0, 1) + nowMs,
    delay: (ms) => {
      nowMs += ms
      return new Promise((resolve) => setImmediate(resolve))
    },
  }
}
