// Node's own HTTP server; the bridge to Request and Response is the one that the package `server` uses.
import { createServer } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import { HOSTNAME, serve } from './process.mjs'

await serve(async (handle) => {
  const server = createAdaptorServer({ fetch: handle, overrideGlobalObjects: false, createServer })
  await new Promise((resolve) => server.listen({ host: HOSTNAME, port: 0 }, resolve))
  const stop = async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return { port: server.address().port, stop }
})
