// Pushes from the local store of LevelDB in a folder, `pusher.mjs FOLDER STEP`, over the network, with the server in
// `GRAFT_SERVER`. Kills itself, as `kill -9` does, at that step of the push; steps are what it asks the network or the disk for,
// and what they answer. The first run in a folder makes a volume of two pushed pages, and a transaction that is to be pushed.
// If it lives, it tells on one line what the remote log has then, as another client sees it.
import { finished } from 'node:stream/promises'
import { Client } from '@graft-ts/client'
import { httpTransport } from '@graft-ts/protocol'
import { parsePageSize } from '@graft-ts/volume'
import { ClassicLevel } from 'classic-level'
import { tokenOf } from './settings.mjs'

const PAGE_SIZE = parsePageSize(4096)
// More than a commit takes inline.
const LARGE_PAGES = 20

const [folder, diesAt, size] = process.argv.slice(2)
const { baseUrl, caller } = JSON.parse(process.env.GRAFT_SERVER)
let stepsLeft = Number.POSITIVE_INFINITY

const around = async (call) => {
  step()
  const answer = await call()
  step()
  return answer
}

function step() {
  if (stepsLeft-- === 0) process.kill(process.pid, 'SIGKILL')
}

class WatchedLevel extends ClassicLevel {
  batch(...args) {
    return around(() => super.batch(...args))
  }
}

const openWith = (store) =>
  Client.open({
    transport: httpTransport({ baseUrl, token: tokenOf(caller), fetch: (...args) => around(() => fetch(...args)) }),
    store,
  })

const client = await openWith(new WatchedLevel(folder, { keyEncoding: 'utf8', valueEncoding: 'view' }))
const [known] = await client.volumes()
const volume = known === undefined ? await prepared() : await client.openVolume(known)
stepsLeft = Number(diesAt)
await volume.push()
stepsLeft = Number.POSITIVE_INFINITY
console.log(JSON.stringify(await seenByOthers()))
await finished(process.stdin.resume())
await client.close()

async function prepared() {
  const made = await client.createVolume({ pageSize: PAGE_SIZE })
  await made.transact((tx) => {
    for (const index of [1, 2]) tx.write(index, page(index))
  })
  await made.push()
  await made.transact(async (tx) => {
    // Done twice, it would show.
    tx.write(1, page((await tx.read(1))[0] + 1))
    if (size === 'large') for (let index = 3; index <= LARGE_PAGES; index++) tx.write(index, page(index))
  })
  return made
}

async function seenByOthers() {
  const other = await openWith('memory')
  const { base } = (await other.openVolume(volume.volumeId)).status()
  const snapshot = (await other.openVolume(volume.volumeId)).snapshot()
  const pages = await snapshot.readMany(Array.from({ length: base.pageCount }, (_, i) => i + 1))
  await other.close()
  return { lsn: base.lsn, pages: Array.from(pages.values(), ([first]) => first), pending: volume.pending().length }
}

function page(fill) {
  return new Uint8Array(PAGE_SIZE).fill(fill)
}
