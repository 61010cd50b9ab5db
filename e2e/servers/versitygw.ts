import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { freePorts } from './ports.ts'
import { CREDENTIALS, REGION, type S3Server } from './s3-server.ts'
import { answersHttp, ServerProcess } from './server-process.ts'
import { installGoProgram, needPrograms } from './tool-chain.ts'

/** Builds the gateway unless that has been done. @returns Its path. @throws {ToolChainMissing} */
export async function installVersitygw(): Promise<string> {
  await needPrograms(['setpriv'])
  return installGoProgram({ name: 'versitygw', package: 'github.com/versity/versitygw/cmd/versitygw', version: 'v1.8.0' })
}

/** Starts gateways that serve one folder of files, each a process of its own. */
export async function startVersitygw(program: string, folder: string, gatewayCount: number): Promise<S3Server> {
  const data = join(folder, 'data')
  await mkdir(data, { recursive: true })
  const ports = await freePorts(gatewayCount)
  const processes = ports.map((port, index) => newProcess(program, data, port, join(folder, `gateway-${index}.log`)))
  const gateways = processes.map((process, index) => ({
    endpoint: `http://127.0.0.1:${ports[index]}`,
    kill: () => process.kill(),
    start: () => process.start(),
  }))
  const stop = async (): Promise<void> => void (await Promise.all(processes.map((process) => process.kill())))
  try {
    for (const process of processes) await process.start()
  } catch (error) {
    await stop()
    throw error
  }
  return { name: 'versitygw', gateways, settings: {}, stop }
}

function newProcess(program: string, data: string, port: number, logPath: string): ServerProcess {
  return new ServerProcess({
    name: `versitygw on port ${port}`,
    command: program,
    args: ['--port', `127.0.0.1:${port}`, '--region', REGION, '--keep-alive', '--quiet', 'posix', data],
    env: { ROOT_ACCESS_KEY: CREDENTIALS.accessKeyId, ROOT_SECRET_KEY: CREDENTIALS.secretAccessKey },
    logPath,
    isReady: () => answersHttp(`http://127.0.0.1:${port}/`),
  })
}
