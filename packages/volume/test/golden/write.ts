// Writes test/fixtures/v1: node --conditions=@graft-ts/source test/golden/write.ts
// Bytes of a released version are never rewritten: a change of them is another version, in a folder of its own.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { FIXTURES, goldenFiles, manifestText } from './files.ts'

const files = await goldenFiles()
rmSync(FIXTURES, { recursive: true, force: true })
for (const { entry, bytes } of files) {
  const url = new URL(entry.file, FIXTURES)
  mkdirSync(new URL('.', url), { recursive: true })
  writeFileSync(url, bytes)
}
writeFileSync(new URL('manifest.json', FIXTURES), manifestText(files.map(({ entry }) => entry)))
console.log(`${files.length} files`)
