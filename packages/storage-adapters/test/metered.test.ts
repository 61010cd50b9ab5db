import { expect, test } from 'vitest'
import { MemoryStore } from '../src/memory.ts'
import { metered } from '../src/metered.ts'
import * as prices from '../src/prices.ts'

const { AWS_S3_STANDARD, CLOUDFLARE_R2_STANDARD, estimateCost } = prices
const TABLES = Object.values(prices).filter((value): value is prices.StorePrices => typeof value === 'object')

async function callEach(store: MemoryStore): Promise<ReturnType<typeof metered>> {
  const meter = metered(store)
  const { etag } = await meter.put('a', new Uint8Array(10))
  await meter.create('b', new Uint8Array(20))
  await meter.create('b', new Uint8Array(20)).catch(() => undefined)
  await meter.compareAndSwap('a', new Uint8Array(30), { etag })
  await meter.get('a')
  await meter.get('a', { range: { offset: 5, length: 7 } })
  await meter.get('absent')
  await meter.head('a')
  await meter.list({ prefix: '' })
  await meter.delete('a')
  await meter.deleteMany(['a', 'b'])
  return meter
}

test('counts calls, lost ones too, and bytes both ways', async () => {
  const meter = await callEach(new MemoryStore())
  const { counts } = meter
  expect(counts).toEqual({
    ...{ get: 3, head: 1, put: 1, create: 2, compareAndSwap: 1, delete: 1, deleteMany: 1, list: 1 },
    ...{ bytesRead: 37, bytesWritten: 80 },
  })
  meter.reset()
  expect(Object.values(meter.counts).every((count) => count === 0)).toBe(true)
  expect(counts.get).toBe(3)
})

test('an estimate adds requests of both classes and traffic', async () => {
  const { counts } = await callEach(new MemoryStore())
  const table: prices.StorePrices = {
    ...AWS_S3_STANDARD,
    ...{ currency: 'EUR', perMillion: { A: 1e6, B: 1e3 }, perGigabyteRead: 1e9, perGigabyteWritten: 1e10 },
    classOf: { ...AWS_S3_STANDARD.classOf, delete: 'B' },
  }
  // A: put, two creations, swap, list. B: three reads, head, delete.
  expect(estimateCost(counts, table)).toEqual({ currency: 'EUR', classA: 5, classB: 0.005, traffic: 37 + 800, total: 842.005 })
})

test('the tables give what the providers list', () => {
  const none = { get: 0, head: 0, put: 0, create: 0, compareAndSwap: 0, delete: 0, deleteMany: 0, list: 0 }
  const counts = { ...none, get: 1e6, create: 1e6, delete: 1e6, deleteMany: 1e6, bytesRead: 1e9, bytesWritten: 1e9 }
  expect(estimateCost(counts, AWS_S3_STANDARD).total).toBeCloseTo(5 + 0.4 + 0.09)
  expect(estimateCost(counts, CLOUDFLARE_R2_STANDARD).total).toBeCloseTo(4.5 + 0.36)
  // What a poller costs that asks once a second for the next key, and one that lists instead; in 30 days.
  const seconds = 30 * 24 * 3600
  const idle = { ...none, bytesRead: 0, bytesWritten: 0 }
  expect(estimateCost({ ...idle, get: seconds }, AWS_S3_STANDARD).total).toBeCloseTo(1.04, 2)
  expect(estimateCost({ ...idle, list: seconds }, AWS_S3_STANDARD).total).toBeCloseTo(12.96, 2)
})

test.each(TABLES.map((table) => [table.name, table] as const))('%s: the table is dated and complete', (_, table) => {
  expect(table.asOf).toMatch(/^20\d\d-[01]\d-[0-3]\d$/)
  expect(table.currency).toMatch(/^[A-Z]{3}$/)
  const calls = Object.keys(metered(new MemoryStore()).counts).filter((name) => !name.startsWith('bytes'))
  expect(Object.keys(table.classOf).sort()).toEqual(calls.sort())
  expect(table.perMillion.A).toBeGreaterThan(table.perMillion.B)
})
