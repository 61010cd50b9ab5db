import { randomUUID } from 'node:crypto'
import { type FileHandle, link, lstat, open, rename, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { FileError, fileError } from './errors.ts'

/** Options of {@link writeTargetFile}. */
export interface TargetOptions {
  /** Replaces a file that exists. */
  readonly isForced: boolean
  /** Who may do what with the file. Default: what the process allows. */
  readonly mode?: number
}

/** Puts bytes behind those that are there already. */
export type Append = (bytes: Uint8Array) => Promise<void>

/**
 * Writes a file that appears whole or not at all: under another name in the same folder, synced, then renamed. What goes
 * wrong leaves nothing behind and a file that existed as it was.
 *
 * @throws {@link FileError} `FILE_EXISTS` unless forced, also if it appears meanwhile; `FILE_MISSING`: no such folder;
 * `FILE_DENIED`, `DISK_FULL`; what `fill` throws.
 */
export async function writeTargetFile(
  path: string,
  options: TargetOptions,
  fill: (append: Append) => Promise<void>,
): Promise<void> {
  try {
    await checkTarget(path, options)
    const temporary = join(dirname(path), `.${basename(path)}.${randomUUID()}.tmp`)
    try {
      await fillFile(temporary, options.mode, fill)
      await publish(temporary, path, options)
    } catch (error) {
      await unlink(temporary).catch(() => undefined)
      throw error
    }
    await syncFolder(dirname(path))
  } catch (error) {
    throw fileError(error, path)
  }
}

/** Throws {@link FileError} `FILE_EXISTS`, `FILE_KIND` if something is there. */
export async function checkNoFile(path: string): Promise<void> {
  try {
    await checkTarget(path, { isForced: false })
  } catch (error) {
    throw fileError(error, path)
  }
}

// Long work should not begin before it is known where its result can go.
async function checkTarget(path: string, { isForced }: TargetOptions): Promise<void> {
  const existing = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (existing === undefined) return
  if (!existing.isFile()) throw new FileError('FILE_KIND', `not a regular file, path=${path}`)
  if (!isForced) throw new FileError('FILE_EXISTS', `the file exists, path=${path}`)
}

async function fillFile(path: string, mode: number | undefined, fill: (append: Append) => Promise<void>): Promise<void> {
  const file = await open(path, 'wx', mode)
  try {
    await fill((bytes) => writeFully(file, bytes))
    await file.sync()
  } finally {
    await file.close()
  }
}

async function writeFully(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done)
    done += bytesWritten
  }
}

async function publish(temporary: string, path: string, { isForced }: TargetOptions): Promise<void> {
  if (isForced) return rename(temporary, path)
  // A rename would replace a file that appeared since it was looked for; a link refuses.
  await link(temporary, path)
  await unlink(temporary)
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
