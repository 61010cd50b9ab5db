import { fileURLToPath } from 'node:url'
import { freePorts } from '../servers/ports.ts'
import { answersHttp, ServerProcess } from '../servers/server-process.ts'
import type { ServeOptions } from './serve-s3.ts'

const PROGRAM = fileURLToPath(new URL('serve-s3.ts', import.meta.url))

/** A graft-ts server that can be killed and started again, and its address. */
export async function newGraftServer(
  options: Omit<ServeOptions, 'port'>,
  logPath: string,
): Promise<{ process: ServerProcess; url: string }> {
  const [port] = (await freePorts(1)) as [number]
  const url = `http://127.0.0.1:${port}`
  const serveOptions: ServeOptions = { ...options, port }
  const server = new ServerProcess({
    name: 'graft-ts server',
    command: process.execPath,
    args: ['--conditions=@graft-ts/source', PROGRAM, JSON.stringify(serveOptions)],
    logPath,
    isReady: () => answersHttp(`${url}/readyz`),
  })
  await server.start()
  return { process: server, url }
}
