import { type CheckGroup, equal, equalBytes, fails, ok, outcomeOf, pattern, utf8 } from './trial.ts'

// Around the block sizes that adapters read and write in.
const SIZES = [0, 1, 2, 31, 32, 33, 4095, 4096, 4097, 65503, 65504, 65505, 65535, 65536, 65537, 1048577]

// As callers without types may hand them over. The elements of the first are not its bytes, the second has no elements.
const NO_BODIES: Readonly<Record<string, unknown>> = {
  'wide numbers': new Uint16Array([256]),
  'a view': new DataView(new ArrayBuffer(4)),
  'a buffer': new ArrayBuffer(4),
  'a text': 'abc',
  nothing: undefined,
}

/** Reads and writes of single objects by one caller. */
export const objectChecks: CheckGroup = {
  name: 'objects',
  checks: [
    {
      name: 'an absent key is undefined for get and head, also with a range',
      run: async ({ store }) => {
        equal(await store.get('absent'), undefined, 'get')
        equal(await store.get('absent', { range: { offset: 7, length: 1 } }), undefined, 'get of a range')
        equal(await store.get('absent/deeper/still'), undefined, 'get of a path')
        equal(await store.head('absent'), undefined, 'head')
      },
    },
    {
      name: 'bytes of every length come back with length and etag',
      run: async ({ store }) => {
        for (const size of SIZES) {
          const body = pattern(size, size + 1)
          const { etag } = await store.put(`sizes/${size}`, body)
          const found = await store.get(`sizes/${size}`)
          equalBytes(found?.bytes, body, `object of ${size} bytes`)
          equal(found?.size, size, 'size')
          equal(found?.offset, 0, 'offset')
          equal(found?.etag, etag, 'etag of get')
          const info = await store.head(`sizes/${size}`)
          equal(info?.size, size, 'size of head')
          equal(info?.etag, etag, 'etag of head')
        }
      },
    },
    {
      name: 'put overwrites with shorter, longer and empty bodies',
      run: async ({ store, peer }) => {
        for (const [turn, size] of [100, 10, 1000, 0, 1].entries()) {
          await store.put('k', pattern(size, turn))
          equalBytes((await peer.get('k'))?.bytes, pattern(size, turn), `version ${turn}`)
        }
      },
    },
    {
      name: 'create writes once and leaves what is there alone',
      run: async ({ store, peer }) => {
        if (!store.capabilities.create) return
        const { etag } = await store.create('k', utf8('first'))
        await fails('second create', peer.create('k', utf8('second')), 'conflict', 'STORE_EXISTS')
        await fails('create of the same bytes', store.create('k', utf8('first')), 'conflict', 'STORE_EXISTS')
        const found = await store.get('k')
        equalBytes(found?.bytes, utf8('first'), 'after the second create')
        equal(found?.etag, etag, 'etag')
        await store.create('empty', new Uint8Array(0))
        equal((await store.head('empty'))?.size, 0, 'created empty')
        await fails('create over an empty object', store.create('empty', utf8('x')), 'conflict', 'STORE_EXISTS')
      },
    },
    {
      name: 'compareAndSwap writes only over the version that was read',
      run: async ({ store, peer }) => {
        if (!store.capabilities.compareAndSwap) return
        const first = await store.put('k', utf8('first'))
        const second = await peer.compareAndSwap('k', utf8('second'), { etag: first.etag })
        ok(second.etag !== first.etag, 'the etag has to change')
        const stale = { etag: first.etag }
        await fails('swap of an old version', store.compareAndSwap('k', utf8('x'), stale), 'conflict', 'STORE_CHANGED')
        const found = await store.get('k')
        equalBytes(found?.bytes, utf8('second'), 'after a lost swap')
        equal(found?.etag, second.etag, 'etag')
        const read = { etag: found?.etag ?? '' }
        await store.compareAndSwap('k', utf8('third'), read)
        equalBytes((await store.get('k'))?.bytes, utf8('third'), 'after a swap with the etag of a read')
      },
    },
    {
      name: 'compareAndSwap on an absent or deleted key is a conflict',
      run: async ({ store }) => {
        if (!store.capabilities.compareAndSwap) return
        const { etag } = await store.put('k', utf8('x'))
        await fails('absent', store.compareAndSwap('other', utf8('y'), { etag }), 'conflict', 'STORE_CHANGED')
        equal(await store.head('other'), undefined, 'nothing was written')
        await store.delete('k')
        await fails('deleted', store.compareAndSwap('k', utf8('y'), { etag }), 'conflict', 'STORE_CHANGED')
        equal(await store.head('k'), undefined, 'nothing was written')
      },
    },
    {
      name: 'compareAndSwap needs an etag',
      run: async ({ store }) => {
        await store.put('k', utf8('x'))
        if (!store.capabilities.compareAndSwap) return
        const call = store.compareAndSwap('k', utf8('y'), { etag: '' })
        await fails('empty etag', call, 'invalid', 'STORE_ARGUMENT')
        const foreign = store.compareAndSwap('k', utf8('y'), { etag: 'no-such-etag' })
        await fails('an etag of nobody', foreign, 'conflict', 'STORE_CHANGED')
        equalBytes((await store.get('k'))?.bytes, utf8('x'), 'after both')
      },
    },
    {
      name: 'texts that mean something to servers are no etags of anything',
      run: async ({ store }) => {
        if (!store.capabilities.compareAndSwap) return
        const { etag } = await store.put('k', utf8('x'))
        const texts = ['*', '"', '"*"', `"${etag}"`, `W/"${etag}"`, `${etag}, *`, `no-such-etag", "${etag}`, 'a\nb', 'é', ' ']
        for (const text of texts) {
          const outcome = await outcomeOf(store.compareAndSwap('k', utf8('y'), { etag: text }))
          ok(outcome === 'conflict' || outcome === 'invalid', `unexpected outcome ${outcome} of the etag ${JSON.stringify(text)}`)
          equalBytes((await store.get('k'))?.bytes, utf8('x'), `after a swap with the etag ${JSON.stringify(text)}`)
        }
      },
    },
    {
      name: 'what is no body is refused',
      run: async ({ store }) => {
        const { etag } = await store.put('k', utf8('x'))
        for (const [what, body] of Object.entries(NO_BODIES) as [string, Uint8Array][]) {
          await fails(`put of ${what}`, () => store.put('k', body), 'invalid', 'STORE_ARGUMENT')
        }
        const noBytes: Readonly<Record<string, unknown>> = { ...NO_BODIES, 'a source': new Blob(['abc']) }
        for (const [what, body] of Object.entries(noBytes) as [string, Uint8Array][]) {
          if (store.capabilities.create) {
            await fails(`create with ${what}`, () => store.create('fresh', body), 'invalid', 'STORE_ARGUMENT')
          }
          if (store.capabilities.compareAndSwap) {
            await fails(`swap with ${what}`, () => store.compareAndSwap('k', body, { etag }), 'invalid', 'STORE_ARGUMENT')
          }
        }
        equalBytes((await store.get('k'))?.bytes, utf8('x'), 'after all calls')
        equal(await store.head('fresh'), undefined, 'created')
      },
    },
    {
      name: 'etags never come back, if the store says so',
      run: async ({ store }) => {
        const etags = new Set<string>()
        const values = ['A', 'B', 'A', 'A', 'B', 'A']
        for (const value of values) etags.add((await store.put('k', utf8(value))).etag)
        await store.delete('k')
        etags.add((await store.put('k', utf8('A'))).etag)
        ok(!etags.has(''), 'an etag is empty')
        if (store.capabilities.uniqueEtags) equal(etags.size, values.length + 1, 'different etags')
      },
    },
    {
      name: 'a body may be a part of a larger buffer and is left alone',
      run: async ({ store }) => {
        const buffer = pattern(300, 5)
        const before = buffer.slice()
        const body = buffer.subarray(100, 200)
        await store.put('put', body)
        if (store.capabilities.create) await store.create('create', body)
        equalBytes(buffer, before, 'buffer of the caller')
        equalBytes((await store.get('put'))?.bytes, before.subarray(100, 200), 'put')
        if (store.capabilities.create) equalBytes((await store.get('create'))?.bytes, body, 'create')
        buffer.fill(0)
        equalBytes((await store.get('put'))?.bytes, before.subarray(100, 200), 'after the caller reused the buffer')
      },
    },
    {
      name: 'bytes that were read belong to the caller',
      run: async ({ store }) => {
        await store.put('k', utf8('content'))
        const first = await store.get('k')
        const other = await store.get('k')
        first?.bytes.fill(0)
        equalBytes(other?.bytes, utf8('content'), 'another read')
        equalBytes((await store.get('k'))?.bytes, utf8('content'), 'a later read')
      },
    },
    {
      name: 'bodies up to the declared length pass, longer ones are refused before they are sent',
      run: async ({ store }) => {
        const max = store.capabilities.objectBytesMax
        // Stores with large limits are believed; the suite should not need gigabytes.
        if (max > 2 ** 24) return
        await store.put('most', pattern(max))
        equal((await store.get('most'))?.bytes.byteLength, max, 'largest object')
        const body = pattern(max + 1)
        await fails('put', store.put('more', body), 'exhausted', 'STORE_OBJECT_TOO_LARGE')
        if (store.capabilities.create) {
          await fails('create', store.create('more', body), 'exhausted', 'STORE_OBJECT_TOO_LARGE')
        }
        equal(await store.head('more'), undefined, 'nothing was written')
      },
    },
  ],
}
