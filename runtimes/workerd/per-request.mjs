// Both stores in a plain Worker, made anew for each request: a Worker may not wait for what another request has begun,
// so they cannot be kept between requests.
import { METRICS } from '../stores.mjs'
import { storesOnR2 } from './stores-on-r2.mjs'

const made = []

export default {
  async fetch(request, env) {
    if (new URL(request.url).pathname === METRICS) return Response.json(metricsOfAll())
    const stores = storesOnR2(env)
    made.push(stores)
    return stores.handle(request)
  },
}

function metricsOfAll() {
  const sum = {}
  for (const stores of made) {
    for (const [name, count] of Object.entries(stores.metrics())) sum[name] = (sum[name] ?? 0) + count
  }
  return { watches: 0, watchesOpenNow: 0, ...sum }
}
