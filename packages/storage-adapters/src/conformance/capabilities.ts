import { type CheckGroup, equal, equalBytes, fails, ok, utf8 } from './trial.ts'

/** What a store says it cannot do, it has to refuse. */
export const capabilityChecks: CheckGroup = {
  name: 'capabilities',
  checks: [
    {
      name: 'limits are declared',
      run: async ({ store }) => {
        ok(store.capabilities.objectBytesMax >= 1, 'objectBytesMax')
        ok(store.capabilities.keyBytesMax >= 512 && store.capabilities.keyBytesMax <= 1024, 'keyBytesMax')
      },
    },
    {
      name: 'create that is off is unsupported and writes nothing',
      run: async ({ store }) => {
        if (store.capabilities.create) return
        await fails('create', () => store.create('k', utf8('x')), 'unsupported', 'STORE_UNSUPPORTED')
        equal(await store.head('k'), undefined, 'nothing was written')
      },
    },
    {
      name: 'compareAndSwap that is off is unsupported and writes nothing',
      run: async ({ store }) => {
        if (store.capabilities.compareAndSwap) return
        const { etag } = await store.put('k', utf8('x'))
        await fails('swap', () => store.compareAndSwap('k', utf8('y'), { etag }), 'unsupported', 'STORE_UNSUPPORTED')
        equalBytes((await store.get('k'))?.bytes, utf8('x'), 'after the refused swap')
      },
    },
    {
      name: 'conditional deletion that is off is unsupported and deletes nothing',
      run: async ({ store }) => {
        if (store.capabilities.conditionalDelete) return
        const { etag } = await store.put('k', utf8('x'))
        await fails('deletion', () => store.delete('k', { etag }), 'unsupported', 'STORE_UNSUPPORTED')
        equalBytes((await store.get('k'))?.bytes, utf8('x'), 'after the refused deletion')
      },
    },
  ],
}
