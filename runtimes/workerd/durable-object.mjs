// Both stores in a Durable Object: all requests come to the same stores, which share reads, segments and watches.
import { storesOnR2 } from './stores-on-r2.mjs'

export default {
  fetch: (request, { STORES }) => STORES.get(STORES.idFromName('stores')).fetch(request),
}

export class Stores {
  #stores

  constructor(_state, env) {
    this.#stores = storesOnR2(env)
  }

  fetch(request) {
    return this.#stores.handle(request)
  }
}
