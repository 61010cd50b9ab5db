// What the hosts that are processes share: what they are told, and how they say where they listen and when to stop.
import { finished } from 'node:stream/promises'
import { FsStore } from '@graft-ts/storage-adapters/fs'
import { openStores } from '../stores.mjs'

/** Listens on loopback only. */
export const HOSTNAME = '127.0.0.1'

/**
 * Serves both stores over the folder in `GRAFT_FOLDER` until standard input ends, which it also does when the parent dies.
 *
 * @param listen Starts the runtime's own server for a handler on any free port; gives `{ port, stop }`.
 */
export async function serve(listen) {
  const store = await FsStore.open(process.env.GRAFT_FOLDER, { fsync: false })
  const stores = openStores(store, JSON.parse(process.env.GRAFT_SETTINGS))
  const { port, stop } = await listen((request) => stores.handle(request))
  console.log(JSON.stringify({ baseUrl: `http://${HOSTNAME}:${port}` }))
  // To its end, since Deno tells of no other event.
  await finished(process.stdin.resume())
  await stores.close()
  await stop()
  await store.close()
}
