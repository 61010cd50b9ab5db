import { HOSTNAME, serve } from './process.mjs'

await serve(async (handle) => {
  const abort = new AbortController()
  const options = { hostname: HOSTNAME, port: 0, signal: abort.signal, onListen: () => undefined }
  const server = Deno.serve(options, (request) => handle(request))
  const stop = async () => {
    abort.abort()
    await server.finished
  }
  return { port: server.addr.port, stop }
})
