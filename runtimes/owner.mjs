// Takes over the local store of LevelDB in a folder, `owner.mjs FOLDER`: tells what is in it, or why not, on one line, after
// three more local commits, and keeps it until standard input ends.
import { finished } from 'node:stream/promises'
import { Client } from '@graft-ts/client'
import { embedded } from '@graft-ts/embedded'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import { parsePageSize } from '@graft-ts/volume'
import { ClassicLevel } from 'classic-level'
import { refusalOf } from './checks.mjs'

const PAGE_SIZE = parsePageSize(4096)
const COMMITS = 3

const [folder] = process.argv.slice(2)
let client
const refusal = await refusalOf(
  (async () => {
    const store = new ClassicLevel(folder, { keyEncoding: 'utf8', valueEncoding: 'view' })
    client = await Client.open({ transport: embedded(new MemoryStore()), store })
  })(),
)
if (client === undefined) console.log(JSON.stringify({ refusal }))
else {
  const [known] = await client.volumes()
  const volume = known === undefined ? await client.createVolume({ pageSize: PAGE_SIZE }) : await client.openVolume(known)
  const found = volume.status().pendingCommits
  const pages = await pagesOf(volume)
  for (let index = found + 1; index <= found + COMMITS; index++) {
    await volume.transact((tx) => tx.write(index, new Uint8Array(PAGE_SIZE).fill(index)))
  }
  console.log(JSON.stringify({ found, pages }))
}
await finished(process.stdin.resume())
await client?.close()

/** The first byte of each, read as a caller that cannot wait does. */
async function pagesOf(volume) {
  const snapshot = volume.snapshot()
  const pages = Array.from({ length: snapshot.pageCount }, (_, i) => snapshot.readCached(i + 1)?.[0])
  snapshot.close()
  return pages
}
