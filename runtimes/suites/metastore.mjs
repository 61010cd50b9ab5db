// The meta store over HTTP, through the protocol's own client. Runs wherever there is `fetch`.
import { historyEntryFromWire, metaDescriptionFromWire, watchEventFromWire, watchRequestToWire } from '@graft-ts/protocol'
import { idToBytes, newVolumeId, systemIdSource } from '@graft-ts/volume'
import { equal, ok, refusalOf } from '../checks.mjs'
import { tokenOf } from '../settings.mjs'
import { METRICS } from '../stores.mjs'
import { testCors } from './cors.mjs'
import { checkOversized, clientsOf, PAGE_SIZE, proposalOf, upTo } from './wire.mjs'

const newVolume = () => newVolumeId(systemIdSource)
// More than one message can be on its way when a reader leaves, and it may be missed only when the next one is sent.
const LOOKS_MAX = 200
const PAUSE_MS = 25

/** Registers the tests. `server` is `{ baseUrl, caller }`. */
export function testMetastore(server, { describe, test }) {
  describe('metastore', () => {
    describe('commits', () => commitTests(server, test))
    describe('streams', () => streamTests(server, test))
    describe('authorization', () => authorizationTests(server, test))
    describe('requests', () => requestTests(server, test))
    describe('pages of the web', () => testCors(server, 'graft.v1.MetaService/Pull', test))
  })
}

function commitTests(server, test) {
  const clients = clientsOf(server)

  test('I6: a first commit creates the volume, and finds itself when it is sent again', async () => {
    const volumeId = newVolume()
    const proposal = proposalOf(volumeId, 0, { pages: [1, 2] })
    for (const answer of [await clients.commit(proposal), await clients.commit(proposal)]) {
      equal([answer.type, answer.snapshot.lsn, answer.snapshot.pageCount], ['committed', 1, 2])
    }
    const { snapshot, changes } = await clients.pull(volumeId)
    equal([snapshot.lsn, [...changes.pages]], [1, [1, 2]])
  })

  test('I7: a conflict tells the head and what changed since the base', async () => {
    const volumeId = newVolume()
    await clients.commit(proposalOf(volumeId, 0, { pages: [1], pageCount: 9 }))
    const second = proposalOf(volumeId, 1, { pages: [5], pageCount: 9 })
    await clients.commit(second)
    await clients.commit(proposalOf(volumeId, 2, { pages: [7], pageCount: 8, floor: 8 }))
    const answer = await clients.commit(proposalOf(volumeId, 1, { pages: [1], pageCount: 9 }))
    equal([answer.type, answer.snapshot.lsn, answer.snapshot.pageCount], ['conflict', 3, 8])
    equal([[...answer.changes.pages], answer.changes.floor, answer.commitIdAfterBase], [[5, 7], 8, second.commitId])
  })

  test('I2: of writers on one base at the same time exactly one wins', async () => {
    const volumeId = newVolume()
    const racers = Array.from({ length: 8 }, (_, i) => proposalOf(volumeId, 0, { pages: [i + 1] }))
    const answers = await Promise.all(racers.map(clients.commit))
    equal(answers.filter(({ type }) => type === 'committed').length, 1, 'winners')
    equal(
      answers.map(({ snapshot }) => snapshot.lsn),
      racers.map(() => 1),
    )
  })

  test('I9: pulls from every commit tell what changed since', async () => {
    const volumeId = newVolume()
    for (const base of upTo(16)) await clients.commit(proposalOf(volumeId, base - 1, { pages: [base], pageCount: 16 }))
    const pulled = await Promise.all(upTo(16).map((since) => clients.pull(volumeId, since)))
    for (const [i, { snapshot, changes }] of pulled.entries()) {
      equal([snapshot.lsn, [...changes.pages]], [16, upTo(16).slice(i + 1)], `pull since ${i + 1}`)
    }
  })
}

function streamTests(server, test) {
  const clients = clientsOf(server)
  const { meta } = clients

  test('history streams every commit in order', async () => {
    const volumeId = newVolume()
    for (const base of upTo(40)) await clients.commit(proposalOf(volumeId, base - 1, { pages: [base] }))
    const entries = await all(meta.history({ volumeId: idToBytes(volumeId), from: 1n }), historyEntryFromWire)
    equal(
      entries.map(({ snapshot, own }) => [snapshot.lsn, [...own]]),
      upTo(40).map((lsn) => [lsn, [lsn]]),
    )
  })

  test('a history of nothing fails with a typed error', async () => {
    equal(await refusalOf(all(meta.history({ volumeId: idToBytes(newVolume()), from: 1n }))), 'missing VOLUME_UNKNOWN')
  })

  test('a watch tells what is there, then what comes, and sends heartbeats', async () => {
    const volumeId = newVolume()
    await clients.commit(proposalOf(volumeId, 0))
    const abort = new AbortController()
    const events = meta.watch(watchRequestToWire([[volumeId, 0]]), { signal: abort.signal })[Symbol.asyncIterator]()
    const next = async () => watchEventFromWire((await events.next()).value)
    try {
      equal(await nextAdvance(next), { volumeId, lsn: 1 })
      equal(await next(), undefined, 'heartbeat')
      await clients.commit(proposalOf(volumeId, 1))
      equal(await nextAdvance(next), { volumeId, lsn: 2 })
    } finally {
      abort.abort()
    }
    equal(await refusalOf(drained(next)), 'aborted ABORTED')
  })

  test('a watch that its reader has left is released', async () => {
    const volumeId = newVolume()
    await clients.commit(proposalOf(volumeId, 0))
    const before = await metrics(server)
    const abort = new AbortController()
    const events = meta.watch(watchRequestToWire([[volumeId, 0]]), { signal: abort.signal })[Symbol.asyncIterator]()
    try {
      await events.next()
      const { watches, watchesOpenNow } = await metrics(server)
      equal(watches, before.watches + 1, 'watches')
      ok(watchesOpenNow > 0, 'the watch is not counted')
    } finally {
      abort.abort()
    }
    equal(await refusalOf(events.next()), 'aborted ABORTED')
    for (let look = 0; look < LOOKS_MAX && (await metrics(server)).watchesOpenNow > 0; look++) await pause()
    equal((await metrics(server)).watchesOpenNow, 0, 'open watches')
  })
}

function authorizationTests(server, test) {
  const owner = clientsOf(server)
  const asked = async (rights, ask) => refusalOf(ask(clientsOf(server, rights)))

  test('a token that reads one volume does that and nothing else', async () => {
    const [mine, other] = [newVolume(), newVolume()]
    for (const volumeId of [mine, other]) await owner.commit(proposalOf(volumeId, 0))
    const reader = { actions: ['read'], volumes: [mine] }
    equal((await clientsOf(server, reader).pull(mine)).snapshot.lsn, 1)
    equal(await asked(reader, ({ pull }) => pull(other)), 'denied ACCESS_DENIED')
    equal(await asked(reader, ({ commit }) => commit(proposalOf(mine, 1))), 'denied ACCESS_DENIED')
    equal(await asked({ actions: ['write'] }, ({ commit }) => commit(proposalOf(newVolume(), 0))), 'denied ACCESS_DENIED')
  })

  test('no token, one for others and one of a stranger are refused alike', async () => {
    const volumeId = newVolume()
    await owner.commit(proposalOf(volumeId, 0))
    const watch = ({ meta }) => all(meta.watch(watchRequestToWire([[volumeId, 0]])))
    for (const rights of [null, { audience: 'https://elsewhere.example' }, { issuer: 'https://stranger.example' }]) {
      equal(await asked(rights, ({ pull }) => pull(volumeId)), 'denied ACCESS_DENIED')
      equal(await asked(rights, watch), 'denied ACCESS_DENIED')
    }
  })

  test('a token whose signature was changed is refused', async () => {
    const token = await tokenOf(server.caller)()
    const [head, claims, signature] = token.split('.')
    const forged = `${head}.${claims}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`
    equal(
      await asked(
        async () => token,
        ({ pull }) => pull(newVolume()),
      ),
      'missing VOLUME_UNKNOWN',
    )
    equal(
      await asked(
        async () => forged,
        ({ pull }) => pull(newVolume()),
      ),
      'denied ACCESS_DENIED',
    )
  })
}

function requestTests(server, test) {
  const clients = clientsOf(server)

  test('it describes itself', async () => {
    const { limits, watch } = metaDescriptionFromWire(await clients.meta.describe({}))
    equal([limits.requestBytesMax, watch.heartbeatMs], [4 * 2 ** 20, 100])
  })

  test('contents beyond the limits are refused with typed errors', async () => {
    const proposal = proposalOf(newVolume(), 0)
    const commit = (bytes) => clients.commit({ ...proposal, inline: { pages: proposal.own, data: new Uint8Array(bytes) } })
    equal(await refusalOf(commit(2 ** 16)), 'exhausted INLINE_TOO_LARGE')
    equal(await refusalOf(commit(PAGE_SIZE + 1)), 'invalid DATA_LENGTH')
    await checkOversized(
      () => commit(5 * 2 ** 20),
      () => clients.meta.describe({}),
    )
  })

  test('what is no call is answered as that', async () => {
    const ask = async (path, init) => {
      const response = await fetch(server.baseUrl + path, init)
      await response.body?.cancel()
      return response.status
    }
    equal(await ask('/graft.v1.MetaService/Nothing', { method: 'POST' }), 404)
    equal(await ask('/graft.v1.MetaService/Pull', {}), 405)
    equal(await ask('/graft.v1.MetaService/Pull', { method: 'POST', body: 'text' }), 415)
  })
}

async function all(messages, convert = (message) => message) {
  const found = []
  for await (const message of messages) found.push(convert(message))
  return found
}

async function nextAdvance(next) {
  for (;;) {
    const advance = await next()
    if (advance !== undefined) return advance
  }
}

// What was on its way when the reader left may still arrive.
async function drained(next) {
  for (let i = 0; i < LOOKS_MAX; i++) await next()
}

const pause = () => new Promise((resolve) => setTimeout(resolve, PAUSE_MS))

async function metrics({ baseUrl }) {
  const response = await fetch(baseUrl + METRICS)
  return response.json()
}
