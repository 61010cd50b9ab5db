import * as fs from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Side } from './side.ts'

// The functions with callbacks, for each FileHandle of `node:fs/promises` costs more than some of the calls it makes.
const call = {
  open: promisify(fs.open),
  close: promisify(fs.close),
  fstat: promisify(fs.fstat),
  read: promisify(fs.read),
  write: promisify(fs.write),
  fdatasync: promisify(fs.fdatasync),
  fsync: promisify(fs.fsync),
  link: promisify(fs.link),
  rename: promisify(fs.rename),
  unlink: promisify(fs.unlink),
  readdir: promisify(fs.readdir),
  stat: promisify(fs.stat),
}

/**
 * Files in one folder, by bare calls that do the durable work of an object store: the file is written and synced under
 * another name, gets its name in one step, and the folder is synced. Nothing guards a swap against others.
 */
export function bareFs(folder: string): Side {
  const pathOf = (key: string): string => join(folder, key)
  let files = 0
  const writeTemporary = async (body: Uint8Array): Promise<string> => {
    const path = `${folder}/tmp-${files++}`
    const fd = await call.open(path, 'wx')
    let done = 0
    while (done < body.byteLength) done += (await call.write(fd, body, done, body.byteLength - done, done)).bytesWritten
    await call.fdatasync(fd)
    await call.close(fd)
    return path
  }
  const syncFolder = async (path: string): Promise<void> => {
    const fd = await call.open(path, 'r')
    await call.fsync(fd)
    await call.close(fd)
  }
  const replace = async (key: string, body: Uint8Array): Promise<void> => {
    const path = pathOf(key)
    await call.rename(await writeTemporary(body), path)
    await syncFolder(join(path, '..'))
  }
  const read = async (key: string, offset: number, length: number | undefined): Promise<Uint8Array> => {
    const fd = await call.open(pathOf(key), 'r')
    // Also for a part: who reads has to know how long the whole is.
    const { size } = await call.fstat(fd)
    const bytes = new Uint8Array(Math.min(length ?? size, size - offset))
    let done = 0
    while (done < bytes.byteLength) done += (await call.read(fd, bytes, done, bytes.byteLength - done, offset + done)).bytesRead
    await call.close(fd)
    return bytes
  }
  return {
    put: async (keys, body) => {
      for (const key of keys) await replace(key, body)
    },
    create: async (keys, body) => {
      for (const key of keys) {
        const temporary = await writeTemporary(body)
        const path = pathOf(key)
        await call.link(temporary, path)
        await syncFolder(join(path, '..'))
        await call.unlink(temporary)
      }
    },
    swap: async (keys, body) => {
      for (const key of keys) {
        // Looks at the version, as far as a file has one.
        await read(key, 0, 16)
        await replace(key, body)
      }
    },
    get: async (keys) => {
      let bytes = 0
      for (const key of keys) bytes += (await read(key, 0, undefined)).byteLength
      return bytes
    },
    getRange: async (keys, offset, length) => {
      let bytes = 0
      for (const key of keys) bytes += (await read(key, offset, length)).byteLength
      return bytes
    },
    list: async (prefix) => {
      const path = pathOf(prefix)
      const names = (await call.readdir(path)).sort()
      return (await Promise.all(names.map((name) => call.stat(`${path}/${name}`)))).length
    },
  }
}
