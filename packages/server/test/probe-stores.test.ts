import { allowEverybody } from '@graft-ts/protocol'
import { metered, type ObjectStore, type StoreCounts, StoreError, type WriteResult } from '@graft-ts/storage-adapters'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import { afterEach, expect, test } from 'vitest'
import { type ServerOptions, startServer } from '../src/index.ts'

const closing: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

async function start(options: Partial<ServerOptions> & { store?: ObjectStore } = {}): Promise<void> {
  const { store = new MemoryStore(), ...rest } = options
  const stores = { segments: store, commits: store }
  const server = await startServer({ stores, port: 0, authorize: allowEverybody, ...rest })
  closing.push(server.close)
}

class ChecksThenWrites extends MemoryStore {
  override async create(key: string, body: Uint8Array): Promise<WriteResult> {
    if ((await this.head(key)) !== undefined) throw new StoreError('STORE_EXISTS', 'exists')
    await new Promise(setImmediate)
    return this.put(key, body)
  }
}
const refKeys = [{ id: 'k', secret: new Uint8Array(32) }]
const requestsOf = ({ bytesRead: _read, bytesWritten: _written, ...calls }: StoreCounts): number =>
  Object.values(calls).reduce((sum, count) => sum + count, 0)

test.each([
  ['both', 1, 1],
  ['meta', 0, 1],
  ['pages', 1, 0],
] as const)('role %s: a start looks at the stores that it writes to', async (roles, segmentsNeeded, commitsNeeded) => {
  const stores = (areGood: { segments: boolean; commits: boolean }) => ({
    segments: areGood.segments ? new MemoryStore() : new ChecksThenWrites(),
    commits: areGood.commits ? new MemoryStore() : new ChecksThenWrites(),
  })
  const refused = { kind: 'unsupported', code: 'STORE_UNSUPPORTED' }
  const cases = [
    [segmentsNeeded, stores({ segments: false, commits: true })],
    [commitsNeeded, stores({ segments: true, commits: false })],
  ] as const
  for (const [isNeeded, pair] of cases) {
    if (isNeeded === 1) await expect(start({ roles, refKeys, stores: pair })).rejects.toMatchObject(refused)
    else await start({ roles, refKeys, stores: pair })
    await start({ roles, refKeys, stores: pair, probe: false })
  }
})

test('one store once, with the requests that are documented, and leaves nothing behind', async () => {
  const store = metered(new MemoryStore())
  await start({ store })
  expect(requestsOf(store.counts)).toBe(123)
  expect((await store.list({ prefix: '' })).entries).toEqual([])
  const other = metered(new MemoryStore())
  await start({ store: other, probe: false })
  expect(requestsOf(other.counts)).toBe(0)
})

test('a store that creates if absent and cannot compare and swap is enough', async () => {
  await start({ store: new MemoryStore({ without: ['compareAndSwap', 'conditionalDelete'] }) })
})

test('options of the probe are those of the caller', async () => {
  await expect(start({ probe: { racers: 1 } })).rejects.toMatchObject({ code: 'STORE_ARGUMENT' })
})
