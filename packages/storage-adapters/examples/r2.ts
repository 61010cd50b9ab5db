import { isStoreError } from '@graft-ts/storage-adapters'
import { R2Store } from '@graft-ts/storage-adapters/r2'

/** What a Worker is given; with Cloudflare's types, `BUCKET` is an `R2Bucket`, which fits. */
interface Env {
  readonly BUCKET: ConstructorParameters<typeof R2Store>[0]['bucket']
}

/** A Worker that hands out each name once. */
export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const store = new R2Store({ bucket: env.BUCKET })
    const key = `names/${new URL(request.url).pathname.slice(1)}`
    try {
      await store.create(key, new Uint8Array(0), { signal: request.signal })
      return new Response('yours', { status: 201 })
    } catch (error) {
      if (isStoreError(error) && error.code === 'STORE_EXISTS') return new Response('taken', { status: 409 })
      throw error
    }
  },
}
