import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { bareCopy } from '../import/bare-copy.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'graft-ts-copy-test-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test.each([0, 1, 2 ** 20 - 1, 2 ** 20, 2 ** 20 + 1])('the baseline copies a file of %d bytes whole', async (length) => {
  const bytes = Uint8Array.from({ length }, (_, index) => (index * 31) >> 3)
  writeFileSync(join(folder, 'a'), bytes)
  for (const isDurable of [false, true]) {
    const target = join(folder, `copy-${isDurable}`)
    await bareCopy(join(folder, 'a'), target, { isDurable })
    expect(Buffer.compare(readFileSync(target), bytes)).toBe(0)
  }
})

test('the baseline does not write over a file', async () => {
  writeFileSync(join(folder, 'a'), 'a')
  writeFileSync(join(folder, 'b'), 'b')
  await expect(bareCopy(join(folder, 'a'), join(folder, 'b'), { isDurable: false })).rejects.toThrow('EEXIST')
})
