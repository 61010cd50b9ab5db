import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { writeTargetFile } from '../../src/files/target-file.ts'
import { temporaryFolder } from '../temporary.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

describe('a file that is written', () => {
  test('appears whole, and nothing else is left', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'out')
    await writeTargetFile(path, { isForced: false }, async (append) => {
      await append(bytes('first '))
      expect(await readdir(folder)).not.toContain('out')
      await append(bytes('last'))
    })
    expect(await readFile(path, 'utf8')).toBe('first last')
    expect(await readdir(folder)).toEqual(['out'])
  })

  test('is not replaced, unless that is asked for', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'out')
    await writeFile(path, 'mine')
    let isFilled = false
    const fill = async (append: (part: Uint8Array) => Promise<void>) => {
      isFilled = true
      await append(bytes('theirs'))
    }
    await expect(writeTargetFile(path, { isForced: false }, fill)).rejects.toMatchObject({
      kind: 'conflict',
      code: 'FILE_EXISTS',
    })
    expect([isFilled, await readFile(path, 'utf8')]).toEqual([false, 'mine'])
    await writeTargetFile(path, { isForced: true }, fill)
    expect(await readFile(path, 'utf8')).toBe('theirs')
    expect(await readdir(folder)).toEqual(['out'])
  })

  test('is not replaced when it appears while the other is written', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'out')
    const writing = writeTargetFile(path, { isForced: false }, async (append) => {
      await append(bytes('late'))
      await writeFile(path, 'early')
    })
    await expect(writing).rejects.toMatchObject({ code: 'FILE_EXISTS' })
    expect(await readFile(path, 'utf8')).toBe('early')
    expect(await readdir(folder)).toEqual(['out'])
  })

  test('leaves what was there, and nothing of its own, when writing fails', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'out')
    await writeFile(path, 'mine')
    const failure = new Error('the source broke')
    const writing = writeTargetFile(path, { isForced: true }, async (append) => {
      await append(bytes('half'))
      throw failure
    })
    await expect(writing).rejects.toBe(failure)
    expect(await readFile(path, 'utf8')).toBe('mine')
    expect(await readdir(folder)).toEqual(['out'])
  })
})

test('places that are refused', async () => {
  const folder = await temporaryFolder()
  await mkdir(join(folder, 'folder'))
  await writeFile(join(folder, 'file'), '')
  await symlink(join(folder, 'elsewhere'), join(folder, 'link'))
  const write = (name: string) => writeTargetFile(join(folder, name), { isForced: true }, async () => undefined)
  await expect(write('nowhere/out')).rejects.toMatchObject({ kind: 'missing', code: 'FILE_MISSING' })
  await expect(write('file/out')).rejects.toMatchObject({ code: 'FILE_MISSING' })
  await expect(write('folder')).rejects.toMatchObject({ kind: 'invalid', code: 'FILE_KIND' })
  await expect(write('link')).rejects.toMatchObject({ code: 'FILE_KIND' })
})
