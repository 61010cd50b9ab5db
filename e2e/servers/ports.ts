import { once } from 'node:events'
import { createServer } from 'node:net'

// Below the ports that the system gives to outgoing connections: a server that was killed finds its port free again.
const PORT_FIRST = 20_000
const PORT_COUNT = 10_000
// Runs that start at the same time look in different places.
const STRIDE = 64

let next = (process.pid * STRIDE) % PORT_COUNT

/** Ports of the loopback address on which nobody listens, each given out once by this process. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = []
  for (let tried = 0; ports.length < count; tried++) {
    if (tried === PORT_COUNT) throw new Error('no port is free')
    const port = PORT_FIRST + next
    next = (next + 1) % PORT_COUNT
    if (await isFree(port)) ports.push(port)
  }
  return ports
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  server.listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch {
    return false
  }
  server.close()
  await once(server, 'close')
  return true
}
