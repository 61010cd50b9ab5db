// The page store over HTTP, through the protocol's own client. Runs wherever there is `fetch`.
import { pageDescriptionFromWire } from '@graft-ts/protocol'
import { Splinter } from '@graft-ts/splinter'
import { decodeSegmentRef, FRAME_BYTES_MAX, idToBytes, newVolumeId, systemIdSource } from '@graft-ts/volume'
import { equal, ok, refusalOf } from '../checks.mjs'
import { tokenOf } from '../settings.mjs'
import { BODY_MS_MAX, REFUSED } from '../stores.mjs'
import { testCors } from './cors.mjs'
import { checkOversized, clientsOf, noise, PAGE_SIZE, proposalOf, upTo } from './wire.mjs'

const newVolume = () => newVolumeId(systemIdSource)

/** Registers the tests. `server` is `{ baseUrl, caller }`. */
export function testPagestore(server, { describe, test }) {
  describe('pagestore', () => {
    describe('segments', () => segmentTests(server, test))
    describe('reads', () => readTests(server, test))
    describe('bounds', () => boundTests(server, test))
    describe('requests by hand', () => byHandTests(server, test))
    describe('rights', () => rightsTests(server, test))
    describe('pages of the web', () => testCors(server, 'graft.v1.PageService/WritePages', test))
  })
}

function segmentTests(server, test) {
  const clients = clientsOf(server)

  test('I1: pages that compress and pages that do not come back through signed refs', async () => {
    for (const { name, data, isSmall } of [
      { name: 'deflate', data: new Uint8Array(200 * PAGE_SIZE).map((_, i) => i / PAGE_SIZE), isSmall: true },
      { name: 'raw', data: noise(200 * PAGE_SIZE, 7), isSmall: false },
    ]) {
      const volumeId = newVolume()
      const refs = await clients.write(volumeId, upTo(200), data)
      const storedBytes = refs.flatMap(({ ref }) => [...decodeSegmentRef(ref).frames.lengths]).reduce((sum, bytes) => sum + bytes)
      equal(storedBytes < data.length / 2, isSmall, `${name}: whether ${storedBytes} bytes are small`)
      const answer = await clients.commit(proposalOf(volumeId, 0, { pages: [], own: upTo(200), refs }))
      equal(answer.type, 'committed')
      const found = await clients.read(volumeId, 1, upTo(200))
      equal(found.size, 200, 'pages')
      for (const [index, bytes] of found) equal(bytes, pageOf(data, index), `${name}: page ${index}`)
    }
  })

  test('of writers at the same time each reads its own pages', async () => {
    const writers = await Promise.all(
      upTo(12).map(async (seed) => {
        const [volumeId, data] = [newVolume(), noise(40 * PAGE_SIZE, seed)]
        const refs = await clients.write(volumeId, upTo(40), data)
        await clients.commit(proposalOf(volumeId, 0, { pages: [], own: upTo(40), refs }))
        return { volumeId, data }
      }),
    )
    for (const { volumeId, data } of writers) {
      const found = await clients.read(volumeId, 1, [1, 17, 40])
      for (const index of [1, 17, 40]) equal(found.get(index), pageOf(data, index), `page ${index}`)
    }
  })

  test('an answer of many megabytes arrives in whole', async () => {
    const volumeId = newVolume()
    const data = noise(1000 * PAGE_SIZE, 3)
    const refs = await clients.write(volumeId, upTo(1000), data)
    ok(data.length > FRAME_BYTES_MAX, 'one frame holds it all')
    await clients.commit(proposalOf(volumeId, 0, { pages: [], own: upTo(1000), refs }))
    const answers = await Promise.all(upTo(8).map(() => clients.read(volumeId, 1, upTo(1000))))
    for (const found of answers) {
      equal(found.size, 1000, 'pages')
      for (const index of [1, 500, 1000]) equal(found.get(index), pageOf(data, index), `page ${index}`)
    }
  })
}

function readTests(server, test) {
  const clients = clientsOf(server)

  test('I8: inline pages are read from the commit, pages that nobody wrote are zeros', async () => {
    const volumeId = newVolume()
    await clients.commit(proposalOf(volumeId, 0, { pages: [2, 3], fill: 9, pageCount: 100 }))
    const found = await clients.read(volumeId, 1, [2, 3, 50])
    equal([found.get(2)[0], found.get(3)[511], found.get(50)], [9, 9, undefined])
    ok(found.has(50), 'the zero page is missing')
  })

  test('I4: an older snapshot keeps its pages', async () => {
    const volumeId = newVolume()
    for (const base of [0, 1, 2]) await clients.commit(proposalOf(volumeId, base, { pages: [1], fill: base + 10 }))
    const firstBytes = await Promise.all([1, 2, 3].map(async (lsn) => (await clients.read(volumeId, lsn, [1])).get(1)[0]))
    equal(firstBytes, [10, 11, 12])
  })

  test('a snapshot that is not there is refused with a typed error', async () => {
    const volumeId = newVolume()
    equal(await refusalOf(clients.read(volumeId, 1, [1])), 'missing VOLUME_UNKNOWN')
    await clients.commit(proposalOf(volumeId, 0))
    equal(await refusalOf(clients.read(volumeId, 2, [1])), 'missing LSN_FUTURE')
  })

  test('it describes itself, and refuses a request beyond its limits', async () => {
    const { limits } = pageDescriptionFromWire(await clients.pages.describe({}))
    equal(limits.writePagesMax, 1024)
    const data = new Uint8Array(limits.requestBytesMax + 1)
    await checkOversized(
      () => clients.write(newVolume(), [1], data),
      () => clients.pages.describe({}),
    )
  })
}

function boundTests(server, test) {
  const clients = clientsOf(server)

  test('more pages than a request may have are refused, and nothing of it is stored', async () => {
    const { limits } = pageDescriptionFromWire(await clients.pages.describe({}))
    const volumeId = newVolume()
    const count = limits.writePagesMax + 1
    equal(await refusalOf(clients.write(volumeId, upTo(count), new Uint8Array(count * PAGE_SIZE))), 'exhausted SET_TOO_LARGE')
    await clients.commit(proposalOf(volumeId, 0, { pages: [1], pageCount: 2000 }))
    equal(await refusalOf(clients.read(volumeId, 1, upTo(limits.readPagesMax + 1))), 'exhausted SET_TOO_LARGE')
    equal((await clients.read(volumeId, 1, upTo(limits.readPagesMax))).size, limits.readPagesMax)
  })

  test('an answer comes as a stream, of which a reader may leave the rest', async () => {
    const volumeId = newVolume()
    const refs = await clients.write(volumeId, upTo(1000), noise(1000 * PAGE_SIZE, 5))
    await clients.commit(proposalOf(volumeId, 0, { pages: [], own: upTo(1000), refs }))
    const request = { volumeId: idToBytes(volumeId), lsn: 1n, wanted: Splinter.fromRange(1, 1000).toBytes() }
    const groups = []
    for await (const { writtenLsns } of clients.pages.readPages(request)) groups.push(writtenLsns.length)
    ok(groups.length > 4, `in ${groups.length} messages`)
    equal(
      groups.reduce((sum, count) => sum + count),
      1000,
    )
    for (let i = 0; i < 20; i++) for await (const _ of clients.pages.readPages(request)) break
    equal((await clients.read(volumeId, 1, upTo(1000))).size, 1000)
  })
}

/** What is seen of requests that no client of ours makes. */
function byHandTests(server, test) {
  // A page can neither send a header that no store asked for nor, over HTTP/1.1, a body piece by piece.
  if (globalThis.document !== undefined) return
  const clients = clientsOf(server)

  test('who is not admitted is refused before the body is read, with kind, code and hint', async () => {
    const response = await callByHand(server, { headers: { [REFUSED]: 'yes' }, body: new Uint8Array(200_000) })
    const told = await response.text()
    equal(response.status, 429)
    ok(told.includes('RATE_LIMITED') && told.includes('"retryAfterMs":7'), `not what \`admit\` threw: ${told}`)
    // The body was thrown away, or its connection closed: either way the next call is answered.
    equal(await refusalOf(clients.pages.describe({})), 'no refusal')
  })

  // Its fetch gives no answer before it has sent the whole body.
  if (globalThis.navigator?.userAgent === 'Cloudflare-Workers') return
  test('a body that does not come to its end is refused when its time is over', async () => {
    let sender
    const body = new ReadableStream({ start: (controller) => void (sender = controller) })
    sender.enqueue(Uint8Array.of(0x0a))
    const startMs = performance.now()
    const response = await callByHand(server, { body, duplex: 'half' })
    const told = await response.text()
    equal(response.status, 503)
    ok(told.includes('BODY_TIMEOUT'), `not for its time: ${told}`)
    ok(performance.now() - startMs > BODY_MS_MAX / 2, 'before its time')
    equal(await refusalOf(clients.pages.describe({})), 'no refusal')
  })
}

/** A write whose request is made by hand, with a token that allows it. */
async function callByHand({ baseUrl, caller }, { headers = {}, ...init }) {
  const authorization = `Bearer ${await tokenOf(caller)()}`
  return fetch(`${baseUrl}/graft.v1.PageService/WritePages`, {
    method: 'POST',
    headers: { 'content-type': 'application/proto', authorization, ...headers },
    ...init,
  })
}

function rightsTests(server, test) {
  const clients = clientsOf(server)

  test('refs are good for the volume and the caller that they were signed for', async () => {
    const [mine, other] = [newVolume(), newVolume()]
    const refs = await clients.write(mine, [1], new Uint8Array(PAGE_SIZE).fill(1))
    const proposal = (volumeId) => proposalOf(volumeId, 0, { pages: [], own: [1], refs })
    const stranger = clientsOf(server, { subject: 'somebody-else' })
    equal(await refusalOf(stranger.commit(proposal(mine))), 'missing REFS_EXPIRED')
    equal(await refusalOf(clients.commit(proposal(other))), 'missing REFS_EXPIRED')
    equal((await clients.commit(proposal(mine))).type, 'committed')
  })

  test('reading and writing pages needs a token for that', async () => {
    const volumeId = newVolume()
    const page = new Uint8Array(PAGE_SIZE)
    equal(await refusalOf(clientsOf(server, null).write(volumeId, [1], page)), 'denied ACCESS_DENIED')
    equal(await refusalOf(clientsOf(server, { actions: ['read'] }).write(volumeId, [1], page)), 'denied ACCESS_DENIED')
    equal(await refusalOf(clientsOf(server, { actions: ['write'] }).read(volumeId, 1, [1])), 'denied ACCESS_DENIED')
  })
}

function pageOf(data, index) {
  return data.subarray((index - 1) * PAGE_SIZE, index * PAGE_SIZE)
}
