// What a page of the browser tests runs: one client over IndexedDB, which tests move from outside.
import { Client } from '@graft-ts/client'
import { httpTransport } from '@graft-ts/protocol'
import { parsePageSize } from '@graft-ts/volume'
import { BrowserLevel } from 'browser-level'
import { refusalOf } from '../checks.mjs'
import { collecting, runAll } from '../collect.mjs'
import { tokenOf } from '../settings.mjs'
import { portableSuites } from '../suites/portable.mjs'

const PAGE_SIZE = parsePageSize(4096)

let client
let volume

const calls = {
  /** Opens the store `name` of this origin. Without a server there is none to be reached. */
  async open({ server, name = 'app', sync, persist = false }) {
    const transport = httpTransport({ baseUrl: server.baseUrl, token: tokenOf(server.caller) })
    const options = { transport, store: new BrowserLevel(name), attemptsMax: 1 }
    if (sync !== undefined) options.sync = sync
    if (persist) options.storageManager = navigator.storage
    client = await Client.open(options)
  },
  async create() {
    volume = await client.createVolume({ pageSize: PAGE_SIZE })
    return volume.volumeId
  },
  async use(volumeId) {
    volume = await client.openVolume(volumeId)
  },
  /** Commits locally: pages from `from` on, each filled with its index plus `fill`. */
  async commit({ from = 1, count = 1, fill = 0, isNoise = false }) {
    await volume.transact((tx) => {
      for (let index = from; index < from + count; index++) tx.write(index, isNoise ? noise() : page(index + fill))
    })
  },
  /** Adds to the first byte of page 1 what it reads there. */
  async increment() {
    await volume.transact(async (tx) => {
      const bytes = await tx.read(1)
      bytes[0] += 1
      tx.write(1, bytes)
    })
  },
  push: async () => (await volume.push()).snapshot.lsn,
  pull: async () => (await volume.pull()).snapshot.lsn,
  /** The first byte of each page. */
  async read({ from = 1, count = 1 }) {
    const snapshot = volume.snapshot()
    const indexes = Array.from({ length: count }, (_, i) => from + i)
    const pages = await snapshot.readMany(indexes)
    snapshot.close()
    return indexes.map((index) => pages.get(index)[0])
  },
  async status() {
    const { sync, base, pendingCommits, live, lastError } = volume.status()
    return { sync, lsn: base.lsn, pendingCommits, live, lastError: lastError?.code }
  },
  persistence: async () => client.status().persistence,
  /** Waits until the status shows all of that. */
  until: (wanted) =>
    new Promise((resolve) => {
      const look = async () => {
        const status = await calls.status()
        if (Object.entries(wanted).every(([key, value]) => status[key] === value)) resolve(stop())
      }
      const stop = volume.onStatus(look)
      void look()
    }),
  close: () => client.close(),
  /** Asks for a push from within a transaction, after its first `await` and before. */
  async pushInside({ afterAwait }) {
    let told
    await volume.transact(async (tx) => {
      if (afterAwait) await tx.read(1)
      told = await refusalOf(volume.push({ signal: AbortSignal.timeout(300) }))
    })
    return told
  },
  async suites({ names, server }) {
    const { runner, tests } = collecting()
    for (const name of names) portableSuites[name](server, runner)
    return runAll(tests)
  },
}

/** `{ value }`, or `{ refusal }`: kind and code of a typed error. */
globalThis.ask = async (call, options = {}) => {
  let value
  const refusal = await refusalOf((async () => (value = await calls[call](options)))())
  return refusal === 'no refusal' ? { value } : { refusal }
}

const page = (fill) => new Uint8Array(PAGE_SIZE).fill(fill)
const noise = () => crypto.getRandomValues(new Uint8Array(PAGE_SIZE))
