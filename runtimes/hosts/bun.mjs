import { HOSTNAME, serve } from './process.mjs'

await serve(async (handle) => {
  const server = Bun.serve({ hostname: HOSTNAME, port: 0, fetch: (request) => handle(request) })
  return { port: server.port, stop: () => server.stop(true) }
})
