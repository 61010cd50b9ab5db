import { KEY_SEGMENT_BYTES_MAX } from '../keys.ts'
import type { ObjectStore } from '../object-store.ts'
import { type CheckGroup, equal, equalBytes, equalLists, fails, inParallel, utf8 } from './trial.ts'

/** A valid key of exactly this many bytes, made of the longest segments. */
function longKey(bytes: number, letter = 'k'): string {
  const segments: string[] = []
  let left = bytes
  while (left > 0) {
    // One byte goes to the slash; a rest of one byte would leave an empty segment behind it.
    const length = left <= KEY_SEGMENT_BYTES_MAX ? left : Math.min(KEY_SEGMENT_BYTES_MAX, left - 2)
    segments.push(letter.repeat(length))
    left -= length + 1
  }
  return segments.join('/')
}

/** Valid keys that are awkward as file names, in URLs, in XML, or beside one another. None is the parent of another. */
export function hostileKeys(keyBytesMax: number): string[] {
  return [
    ...['a', 'A', 'a-b', 'a.b', 'a b', 'a+b', 'a_b', 'a%2Fb', 'a%b', 'a%', '%', '%%', '%41', '%staging', '%tmp'],
    ...['x/y', 'x-y', 'x!y', 'x0y', 'x.object', 'y.object/z', 'y.tmp', '.hidden', '..x', 'x..', '...', 'x.', 'x '],
    ...[' x', '  ', '~', '-', '_', 'CON', 'nul.txt', '__proto__', 'constructor/prototype', 'null', 'undefined'],
    ...['<tag>&amp;"quoted"\'s', '&lt;', ']]>', 'q?a=b&c=d', 'h#frag', 'c:d', 'back\\slash', '*', '|', ';', '$(x)'],
    ...['é', 'q\u0301', 'ß', 'ﬀ', '日本語/キー', 'مفتاح', '\u00a0', '\u2028', '\u200d', '\ufeff', '\u0085'],
    ...['\ue000', '\uffee', '🙂-', '🙂/🙃', '\u{10fffd}', 'é'.repeat(125), '🙂'.repeat(62)],
    ...['%'.repeat(248), `${'%'.repeat(250)}/x`, `${'%'.repeat(249)}x`, `q/${'z'.repeat(250)}`, `q/${'z'.repeat(249)}`],
    ...[`r/${'é'.repeat(100)}a`, `r/${'é'.repeat(100)}b/c`, `r/${'é'.repeat(100)}-`, `r/${'é'.repeat(99)}`],
    longKey(keyBytesMax),
    longKey(keyBytesMax - 1, 'm'),
    longKey(keyBytesMax, '%'),
  ]
}

const WRONG_KEYS: readonly (readonly [string, string])[] = [
  ['empty', ''],
  ['leading slash', '/a'],
  ['trailing slash', 'a/'],
  ['only a slash', '/'],
  ['empty segment', 'a//b'],
  ['dot', '.'],
  ['dots', '..'],
  ['dot inside', 'a/./b'],
  ['dots inside', 'a/../b'],
  ['dots at the end', 'a/..'],
  ['segment too long', 'a'.repeat(KEY_SEGMENT_BYTES_MAX + 1)],
  ['segment too long in bytes', 'é'.repeat(126)],
  ['NUL', 'a\0b'],
  ['line feed', 'a\nb'],
  ['DEL', 'a\x7f'],
  ['lone high surrogate', 'a\ud83d'],
  ['lone low surrogate', '\ude00a'],
  ['high surrogate before a letter', '\ud83da'],
  ['not a character', 'a\uffff'],
  ['not in NFC', 'e\u0301'],
  ['not in NFC, without a mark', '\u212b'],
  ['marks in the wrong order', 'q\u0301\u0323'],
  // As callers without types may hand them over.
  ['a number', 5 as unknown as string],
  ['nothing', undefined as unknown as string],
]

async function refuseEverywhere(store: ObjectStore, what: string, key: string): Promise<void> {
  const body = utf8('x')
  const calls: [string, () => Promise<unknown>][] = [
    ['get', () => store.get(key)],
    ['head', () => store.head(key)],
    ['put', () => store.put(key, body)],
    ['delete', () => store.delete(key)],
    ['deleteMany', () => store.deleteMany(['fine', key])],
  ]
  if (store.capabilities.create) calls.push(['create', () => store.create(key, body)])
  if (store.capabilities.compareAndSwap) {
    calls.push(['compareAndSwap', () => store.compareAndSwap(key, body, { etag: 'e' })])
  }
  for (const [name, call] of calls) await fails(`${name}, ${what}`, call, 'invalid', 'STORE_KEY')
}

/** Which keys pass, and that each names an object of its own. */
export const keyChecks: CheckGroup = {
  name: 'keys',
  checks: [
    {
      name: 'keys that break the rules are refused by every call',
      run: async ({ store }) => {
        for (const [what, key] of WRONG_KEYS) await refuseEverywhere(store, what, key)
        await refuseEverywhere(store, 'too long', longKey(store.capabilities.keyBytesMax + 1))
      },
    },
    {
      name: 'hostile keys name objects of their own',
      run: async ({ store, peer }) => {
        const keys = hostileKeys(store.capabilities.keyBytesMax)
        equal(new Set(keys).size, keys.length, 'different keys')
        const write = store.capabilities.create ? 'create' : 'put'
        await inParallel(keys, 8, async (key) => {
          await store[write](key, utf8(`content of ${key}`))
        })
        for (const key of keys) equalBytes((await peer.get(key))?.bytes, utf8(`content of ${key}`), key)
        const { entries, nextStartAfter } = await store.list({ prefix: '' })
        equal(nextStartAfter, undefined, 'one page')
        equalLists(entries.map((entry) => entry.key).sort(), [...keys].sort(), 'listed keys')
        for (const key of keys) {
          await store.delete(key)
          equal(await peer.head(key), undefined, `deleted ${key}`)
        }
        equal((await store.list({ prefix: '' })).entries.length, 0, 'left over')
      },
    },
    {
      name: 'an object does not answer for keys above or below it',
      run: async ({ store }) => {
        await store.put('x/y/z', utf8('deep'))
        for (const key of ['x', 'x/y', 'x/y/zz', 'x/y/z/deeper']) equal(await store.get(key), undefined, key)
        for (const key of ['x', 'x/y', 'x/y/z/deeper']) await store.delete(key)
        equalBytes((await store.get('x/y/z'))?.bytes, utf8('deep'), 'after deleting its neighbours')
      },
    },
  ],
}
