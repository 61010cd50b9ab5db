// Runs the portable suites inside a Worker against the server in the body; answers with the results.
import { collecting, runAll } from '../collect.mjs'
import { portableSuites } from '../suites/portable.mjs'

export default {
  async fetch(request) {
    const { runner, tests } = collecting()
    const server = await request.json()
    for (const suite of Object.values(portableSuites)) suite(server, runner)
    return Response.json(await runAll(tests))
  },
}
