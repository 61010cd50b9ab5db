import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { freePorts } from './ports.ts'
import { CREDENTIALS, type S3Server } from './s3-server.ts'
import { answersHttp, ServerProcess } from './server-process.ts'
import { installGoProgram, needPrograms } from './tool-chain.ts'

/** Builds the last version that was published as source, unless that has been done. @throws {ToolChainMissing} */
export async function installMinio(): Promise<string> {
  await needPrograms(['setpriv'])
  return installGoProgram({ name: 'minio', package: 'github.com/minio/minio', version: 'v0.0.0-20260212201848-7aac2a2c5b7c' })
}

/** Starts a server on one folder: it allows one process only. */
export async function startMinio(program: string, folder: string): Promise<S3Server> {
  const [port] = (await freePorts(1)) as [number]
  const data = join(folder, 'data')
  await mkdir(data, { recursive: true })
  const endpoint = `http://127.0.0.1:${port}`
  const process = new ServerProcess({
    name: 'minio',
    command: program,
    args: ['server', data, '--address', `127.0.0.1:${port}`],
    env: {
      HOME: folder,
      MINIO_ROOT_USER: CREDENTIALS.accessKeyId,
      MINIO_ROOT_PASSWORD: CREDENTIALS.secretAccessKey,
      MINIO_UPDATE: 'off',
      MINIO_BROWSER: 'off',
    },
    logPath: join(folder, 'minio.log'),
    isReady: () => answersHttp(`${endpoint}/`),
  })
  await process.start()
  const stop = (): Promise<void> => process.kill()
  return { name: 'MinIO', gateways: [{ endpoint, kill: stop, start: () => process.start() }], settings: {}, stop }
}
