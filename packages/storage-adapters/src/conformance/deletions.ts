import { type CheckGroup, equal, equalBytes, fails, utf8 } from './trial.ts'

/** Deletion of one and of many. */
export const deletionChecks: CheckGroup = {
  name: 'deletion',
  checks: [
    {
      name: 'a deleted object is gone, and deleting it again is fine',
      run: async ({ store, peer }) => {
        await store.put('d/a', utf8('x'))
        await store.delete('d/a')
        equal(await peer.get('d/a'), undefined, 'get')
        equal(await peer.head('d/a'), undefined, 'head')
        await peer.delete('d/a')
        await store.delete('never/there')
      },
    },
    {
      name: 'a deleted key can be created again',
      run: async ({ store }) => {
        for (let turn = 0; turn < 5; turn++) {
          if (store.capabilities.create) await store.create('d/a', utf8(`turn ${turn}`))
          else await store.put('d/a', utf8(`turn ${turn}`))
          equalBytes((await store.get('d/a'))?.bytes, utf8(`turn ${turn}`), 'created again')
          await store.delete('d/a')
        }
      },
    },
    {
      name: 'deleteMany removes what is there, whatever else is named',
      run: async ({ store }) => {
        const present = ['m/a', 'm/b', 'm/c/d', 'm/<&>"é%']
        for (const key of [...present, 'm/stays']) await store.put(key, utf8('x'))
        const absent = Array.from({ length: 1100 }, (_, i) => `m/absent/${i}`)
        await store.deleteMany([...present, ...absent, ...present])
        for (const key of present) equal(await store.head(key), undefined, key)
        equal((await store.head('m/stays'))?.size, 1, 'what was not named')
        await store.deleteMany([])
      },
    },
    {
      name: 'a conditional deletion spares other versions',
      run: async ({ store, peer }) => {
        if (!store.capabilities.conditionalDelete) return
        const first = await store.put('c', utf8('first'))
        const second = await store.put('c', utf8('second'))
        await fails('old version', peer.delete('c', { etag: first.etag }), 'conflict', 'STORE_CHANGED')
        equalBytes((await store.get('c'))?.bytes, utf8('second'), 'after the refused deletion')
        await fails('empty etag', () => store.delete('c', { etag: '' }), 'invalid', 'STORE_ARGUMENT')
        await peer.delete('c', { etag: second.etag })
        equal(await store.get('c'), undefined, 'after the deletion')
        await store.delete('c', { etag: second.etag })
      },
    },
  ],
}
