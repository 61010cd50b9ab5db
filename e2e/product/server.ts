import { writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { freePorts } from '../servers/ports.ts'
import { CREDENTIALS, REGION } from '../servers/s3-server.ts'
import { answersHttp, ServerProcess } from '../servers/server-process.ts'

const require = createRequire(import.meta.url)
const PROGRAM = join(dirname(require.resolve('@graft-ts/server/package.json')), 'src/cli.ts')

/**
 * `graft-ts serve` on a bucket, which can be killed and started again, and its address.
 *
 * @param folder Where its log and its keys go.
 */
export async function newGraftServer(
  { endpoint, bucket }: { readonly endpoint: string; readonly bucket: string },
  folder: string,
): Promise<{ process: ServerProcess; url: string }> {
  const [port] = (await freePorts(1)) as [number]
  const url = `http://127.0.0.1:${port}`
  const store = `s3://${bucket}/graft?${new URLSearchParams({ endpoint, region: REGION })}`
  // Segments of one process may be committed through the next: all of them sign with the same key.
  const refKeys = join(folder, 'ref-keys')
  await writeFile(refKeys, `e2e ${Buffer.alloc(32, 7).toString('base64')}\n`, { mode: 0o600 })
  const options = ['--store', store, '--port', String(port), '--ref-keys', refKeys, '--allow-everybody']
  const server = new ServerProcess({
    name: 'graft-ts server',
    command: process.execPath,
    args: ['--conditions=@graft-ts/source', PROGRAM, 'serve', ...options],
    env: { AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId, AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey },
    logPath: join(folder, 'server.log'),
    isReady: () => answersHttp(`${url}/readyz`),
  })
  await server.start()
  return { process: server, url }
}
