import { open } from 'node:fs/promises'
import { dirname } from 'node:path'

const CHUNK_BYTES = 2 ** 20

/**
 * Copies a file with reads and writes of 1 MiB, the way one would without any library. Not `copyFile`: on some file
 * systems that copies nothing and shares the blocks.
 *
 * @param options.isDurable Syncs the file and the folder that names it before it resolves.
 */
export async function bareCopy(source: string, target: string, options: { readonly isDurable: boolean }): Promise<void> {
  await using from = await open(source, 'r')
  await using to = await open(target, 'wx')
  const buffer = new Uint8Array(CHUNK_BYTES)
  for (;;) {
    const { bytesRead } = await from.read(buffer, 0, buffer.length)
    if (bytesRead === 0) break
    await writeFully(to, buffer.subarray(0, bytesRead))
  }
  if (!options.isDurable) return
  await to.sync()
  await using folder = await open(dirname(target), 'r')
  await folder.sync()
}

async function writeFully(file: Awaited<ReturnType<typeof open>>, bytes: Uint8Array): Promise<void> {
  let done = 0
  while (done < bytes.length) done += (await file.write(bytes, done)).bytesWritten
}
