import { connect, type Socket } from 'node:net'

/** A connection without any client on it. */
export interface RawConnection {
  readonly socket: Socket
  /** What has arrived. */
  readonly received: () => string
  readonly ended: Promise<void>
}

/** Opens one. */
export async function rawConnection(port: number): Promise<RawConnection> {
  const socket = connect(port, '127.0.0.1')
  let text = ''
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
  const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  socket.on('error', () => undefined)
  await new Promise<void>((resolve) => socket.once('connect', () => resolve()))
  return { socket, received: () => text, ended }
}
