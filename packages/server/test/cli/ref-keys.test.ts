import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseRefKeys, readRefKeys } from '../../src/cli/ref-keys.ts'
import { temporaryFolder } from '../temporary.ts'

const secret = Buffer.alloc(32, 7).toString('base64')

test('one key a line, in order; comments and empty lines are skipped', async () => {
  const path = join(await temporaryFolder(), 'keys')
  await writeFile(path, `# newest first\nnew ${secret}\n\nold\t${Buffer.alloc(40, 8).toString('base64')}\n`)
  const keys = await readRefKeys(path)
  expect(keys.map(({ id, secret: bytes }) => [id, bytes.length])).toEqual([
    ['new', 32],
    ['old', 40],
  ])
})

test('a bad line is named, its secret is not', () => {
  for (const line of [secret, `k ${Buffer.alloc(31, 7).toString('base64')}`, `k ${secret} more`, 'k not*base64']) {
    const refused = expect.objectContaining({ kind: 'invalid', code: 'REF_KEYS_FILE', message: 'not a key, path=f line=2' })
    expect(() => parseRefKeys(`ok ${secret}\n${line}`, 'f')).toThrow(refused)
  }
  expect(() => parseRefKeys('# nothing\n', 'f')).toThrow(expect.objectContaining({ code: 'REF_KEYS_FILE' }))
})

test('a file that is not there', async () => {
  await expect(readRefKeys('/nowhere/keys')).rejects.toMatchObject({ code: 'FILE_MISSING' })
})
