import { compareKeys } from '../keys.ts'
import { type ListOptions, listAll, type ObjectStore } from '../object-store.ts'
import { hostileKeys } from './keys.ts'
import { type CheckGroup, equal, equalLists, fails, inParallel, ok, pattern, utf8 } from './trial.ts'

async function putAll(store: ObjectStore, keys: readonly string[]): Promise<void> {
  await inParallel(keys, 16, async (key) => {
    await store.put(key, utf8(key))
  })
}

/** All pages of a listing, in the order of the store, with the promises about pages checked on the way. */
async function listPages(store: ObjectStore, options: ListOptions): Promise<string[]> {
  const keys: string[] = []
  let { startAfter, cursor } = options
  // Pages may be empty, but they have to move on.
  for (let pages = 0; pages < 10_000; pages++) {
    const page = await store.list({ ...options, startAfter, cursor })
    ok(page.entries.length <= (options.limit ?? 1000), 'more entries than the limit')
    keys.push(...page.entries.map((entry) => entry.key))
    if (page.nextStartAfter === undefined) return keys
    ok(page.nextStartAfter !== startAfter, 'the listing does not advance')
    startAfter = page.nextStartAfter
    cursor = page.nextCursor
  }
  throw new Error('the listing does not end')
}

function expectKeys(store: ObjectStore, actual: readonly string[], expected: readonly string[], what: string): void {
  const sorted = [...expected].sort(compareKeys)
  // Without a promised order, only the set counts.
  equalLists(store.capabilities.orderedListing ? actual : [...actual].sort(compareKeys), sorted, what)
}

// Characters around the slash, where the order of a directory walk differs from the order of keys.
const LOOK_ALIKES = [
  ...['a/b', 'a-b', 'a.b', 'a0b', 'a/b-c', 'a/b.c', 'a/b0', 'a/c/d', 'a/c-d', 'a!/x', 'a-/x', 'a-b-c', 'ab/c', 'a/a'],
  ...['a-b/c'.replace('b', 'd'), 'aa', 'a/bb/c', 'a/b!/c', 'B', 'b', 'é/b', 'é-b', '\ue000', '🙂', '🙂b'],
]

const PREFIXES = ['', 'a', 'a/', 'a/b', 'a/b-', 'a-', 'a-b', 'a/c/', 'aa', 'none', 'a/none/', 'b', 'é', 'a/b-c', 'a-b/']

/** Listings, across pages. */
export const listingChecks: CheckGroup = {
  name: 'listings',
  checks: [
    {
      name: 'an empty store lists nothing',
      run: async ({ store }) => {
        for (const prefix of ['', 'a', 'a/', 'a/b/c']) {
          const page = await store.list({ prefix })
          equal(page.entries.length, 0, `entries of "${prefix}"`)
          equal(page.nextStartAfter, undefined, `next page of "${prefix}"`)
        }
      },
    },
    {
      name: 'entries tell size and, if anything, the right etag',
      run: async ({ store }) => {
        for (const size of [0, 1, 5000]) {
          const { etag } = await store.put(`k/${size}`, pattern(size))
          const { entries } = await store.list({ prefix: `k/${size}` })
          const entry = entries.find((item) => item.key === `k/${size}`)
          equal(entry?.size, size, 'size')
          if (entry?.etag !== undefined) equal(entry.etag, etag, 'etag')
        }
      },
    },
    {
      name: 'look-alike keys come once, below every prefix and for every page size',
      run: async ({ store }) => {
        await putAll(store, LOOK_ALIKES)
        for (const prefix of PREFIXES) {
          const expected = LOOK_ALIKES.filter((key) => key.startsWith(prefix))
          // Pages of one have a test of their own.
          for (const limit of [2, 3, Math.max(2, expected.length), undefined]) {
            const what = `prefix=${prefix} limit=${limit}`
            expectKeys(store, await listPages(store, { prefix, limit }), expected, what)
          }
        }
      },
    },
    {
      name: 'pages of one key hold every key, also below a prefix that is one',
      run: async ({ store }) => {
        await putAll(store, LOOK_ALIKES)
        for (const prefix of PREFIXES) {
          const expected = LOOK_ALIKES.filter((key) => key.startsWith(prefix))
          expectKeys(store, await listPages(store, { prefix, limit: 1 }), expected, `prefix=${prefix}`)
        }
      },
    },
    {
      name: 'a listing starts after any key, present or not',
      run: async ({ store }) => {
        if (!store.capabilities.orderedListing) return
        await putAll(store, LOOK_ALIKES)
        const starts = [...LOOK_ALIKES, '', 'a', 'a/', 'a/b/', 'a/bz', '0', '~', 'a/b/none', '\uffee', 'zz', '\u{10ffff}']
        for (const prefix of ['', 'a/', 'a-', 'é']) {
          for (const startAfter of starts) {
            const keys = LOOK_ALIKES.filter((key) => key.startsWith(prefix) && compareKeys(key, startAfter) > 0)
            const what = `prefix=${prefix} startAfter=${startAfter}`
            expectKeys(store, await listPages(store, { prefix, startAfter, limit: 3 }), keys, what)
          }
        }
      },
    },
    {
      name: 'hostile keys survive the way through pages',
      run: async ({ store }) => {
        const keys = hostileKeys(store.capabilities.keyBytesMax)
        await putAll(store, keys)
        for (const limit of [1, 7, 1000]) {
          expectKeys(store, await listPages(store, { prefix: '', limit }), keys, `limit=${limit}`)
        }
        for (const prefix of ['%', '%%', '%4', 'é', 'r/', `r/${'é'.repeat(100)}`, `r/${'é'.repeat(50)}`, '🙂', ' ']) {
          const expected = keys.filter((key) => key.startsWith(prefix))
          expectKeys(store, await listPages(store, { prefix, limit: 2 }), expected, `prefix=${prefix}`)
        }
      },
    },
    {
      name: 'a prefix may end in what is no segment of a key',
      run: async ({ store }) => {
        const keys = ['..a', '..b/c', 'a/..b', 'a/...', '.c', '...']
        await putAll(store, keys)
        for (const prefix of ['.', '..', '...', 'a/.', 'a/..']) {
          const expected = keys.filter((key) => key.startsWith(prefix))
          expectKeys(store, await listPages(store, { prefix, limit: 2 }), expected, `prefix=${prefix}`)
        }
      },
    },
    {
      name: 'more keys than one page of any server holds',
      run: async ({ store }) => {
        const keys = Array.from({ length: 1003 }, (_, i) => `many/${i % 3}/${i}`)
        await putAll(store, keys)
        expectKeys(store, await listPages(store, { prefix: 'many/' }), keys, 'by pages')
        const listed: string[] = []
        for await (const entry of listAll(store, { prefix: 'many/1/' })) listed.push(entry.key)
        const expected = keys.filter((key) => key.startsWith('many/1/'))
        expectKeys(store, listed, expected, 'by iteration')
      },
    },
    {
      name: 'a listing sees what was written and deleted before it',
      run: async ({ store, peer }) => {
        for (let i = 0; i < 20; i++) {
          await store.put(`fresh/${i}`, utf8('x'))
          const { entries } = await peer.list({ prefix: 'fresh/' })
          equal(entries.length, 1, `entries after write ${i}`)
          await peer.delete(`fresh/${i}`)
          equal((await store.list({ prefix: 'fresh/' })).entries.length, 0, `entries after deletion ${i}`)
        }
      },
    },
    {
      name: 'keys that stay are listed once while others come and go',
      run: async ({ store, peer }) => {
        const staying = Array.from({ length: 60 }, (_, i) => `churn/${String(i).padStart(2, '0')}/stays`)
        await putAll(store, staying)
        let isOver = false
        const churn = async (writer: number): Promise<void> => {
          for (let turn = 0; !isOver; turn++) {
            const key = `churn/${String(turn % 60).padStart(2, '0')}/w${writer}`
            await peer.put(key, utf8('x'))
            await peer.delete(key)
          }
        }
        const writers = [churn(1), churn(2)]
        try {
          for (let round = 0; round < 5; round++) {
            const seen = await listPages(store, { prefix: 'churn/', limit: 7 })
            const stays = seen.filter((key) => key.endsWith('/stays'))
            expectKeys(store, stays, staying, `round ${round}`)
            equal(new Set(seen).size, seen.length, 'keys listed twice')
          }
        } finally {
          isOver = true
          await Promise.all(writers)
        }
      },
    },
    {
      name: 'limits and prefixes that are not valid are refused',
      run: async ({ store }) => {
        for (const limit of [0, -1, 1.5, 1001, Number.NaN]) {
          await fails(`limit=${limit}`, () => store.list({ prefix: '', limit }), 'invalid', 'STORE_ARGUMENT')
        }
        for (const prefix of ['/', '/a', 'a//', '../', 'a/./', 'a\0', '\ud83d', 'e\u0301', 'x'.repeat(1025)]) {
          await fails(`prefix=${prefix.slice(0, 9)}`, () => store.list({ prefix }), 'invalid', 'STORE_KEY')
        }
      },
    },
  ],
}
