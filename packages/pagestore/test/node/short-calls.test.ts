import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { diskFolder } from '../../src/node/cache-folder.ts'
import { withFolder } from './temporary.ts'

// A system may read and write less than it was asked to; this one does so each time.
vi.mock('node:fs', async (importOriginal) => {
  const fs = await importOriginal<typeof import('node:fs')>()
  const writev = (fd: number, parts: Uint8Array[], at: number, done: (error: Error | null, count: number) => void): void => {
    const first = parts.find((part) => part.length > 0) as Uint8Array
    fs.write(fd, first, 0, Math.min(first.length, 3), at, done)
  }
  const read = (fd: number, target: Uint8Array, offset: number, length: number, at: number, done: () => void): void =>
    fs.read(fd, target, offset, Math.min(length, 2), at, done)
  return { ...fs, writev, read }
})

test('what a system writes and reads in pieces is written and read in whole', async () => {
  await withFolder(async (directory) => {
    const file = await diskFolder(join(directory)).create('a')
    await file.write([Buffer.from('ab'), Buffer.from('cdefghij'), Buffer.from(''), Buffer.from('klm')], 1)
    expect(await file.length()).toBe(14)
    const target = new Uint8Array(20)
    expect(await file.read(target, 1)).toBe(13)
    expect(Buffer.from(target).toString('latin1')).toBe(`abcdefghijklm${'\0'.repeat(7)}`)
    await file.close()
  })
})
