// Node's own HTTP server; the bridge to Request and Response is that of the package `server`.
import { createServer } from 'node:http'
import { nodeListener } from '@graft-ts/server'
import { HOSTNAME, serve } from './process.mjs'

await serve(async (handle) => {
  const server = createServer(nodeListener(handle))
  await new Promise((resolve) => server.listen({ host: HOSTNAME, port: 0 }, resolve))
  const stop = async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return { port: server.address().port, stop }
})
