// Clients, a graft-ts server and an S3 server, each of which is killed at some time.
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Client } from '@graft-ts/client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readEnvironment } from '../environment.ts'
import { seeded } from '../load/random.ts'
import { ExpectedVolume, Product } from '../product/product.ts'
import { skipped } from './skipped.ts'

const PAGE_COUNT = 700
const COMMITS = 40
const KILLS = 5
// A push of a few hundred pages takes about this long.
const PUSH_MS = 60

const { folder, seed, versitygw } = readEnvironment()
const random = seeded(seed)
let product: Product
let reader: Client
let expected: ExpectedVolume

if (!versitygw.isHere) skipped('graft-ts on versitygw', versitygw.reason)
else {
  const { program } = versitygw
  describe('graft-ts on versitygw', () => {
    beforeAll(async () => {
      product = await Product.start(program, join(folder, 'product'))
      const writer = await product.newClient()
      reader = await product.newClient()
      expected = new ExpectedVolume(await writer.createVolume(), PAGE_COUNT, random)
    })
    afterAll(() => product?.stop())
    test('what one client commits, another one learns of with one pull, and reads', catchUp)
    test('I3, I6: pushes that the server is killed under are done once, and what was pushed is kept', killUnderPushes)
    test('I3: what was pushed is there after the S3 server was killed', killS3)
  })
}

async function catchUp(): Promise<void> {
  const { volume } = expected
  await expected.write(Array.from({ length: PAGE_COUNT }, (_, i) => i + 1))
  expect(await volume.push()).toMatchObject({ type: 'pushed', snapshot: { lsn: 1 } })
  const copy = await reader.openVolume(volume.volumeId)
  expect(await expected.differences(copy)).toEqual([])
  const changed = new Set<number>()
  for (let commit = 0; commit < COMMITS; commit++) {
    const pages = expected.somePages(1 + random(30))
    for (const pageIndex of pages) changed.add(pageIndex)
    await expected.write(pages)
    await volume.push()
  }
  const { snapshot, changes } = await copy.pull()
  expect(snapshot).toMatchObject({ lsn: 1 + COMMITS, pageCount: PAGE_COUNT })
  expect([...changes.pages]).toEqual([...changed].sort((a, b) => a - b))
  expect(await expected.differences(copy)).toEqual([])
}

async function killUnderPushes(): Promise<void> {
  const { volume } = expected
  const copy = await reader.openVolume(volume.volumeId)
  const ends: string[] = []
  for (let kill = 0; kill < KILLS; kill++) {
    const { lsn } = volume.status().base
    await expected.write(expected.somePages(100 + random(200)))
    const push = volume.push().then(
      () => 'pushed',
      () => 'failed',
    )
    await delay(random(PUSH_MS))
    await product.server.kill()
    ends.push(await push)
    await product.server.start()
    await volume.push()
    expect(volume.status()).toMatchObject({ sync: 'synced', pendingCommits: 0, base: { lsn: lsn + 1 } })
    await copy.pull()
    expect(await expected.differences(copy)).toEqual([])
  }
  console.log(`pushes that the server was killed under: ${ends.join(', ')}`)
}

async function killS3(): Promise<void> {
  const { volume } = expected
  await expected.write(expected.somePages(50))
  await volume.push()
  await product.gateway.kill()
  await product.gateway.start()
  // Nor may the answers come from the memory of the server.
  await product.server.kill()
  await product.server.start()
  const client = await product.newClient()
  expect(await expected.differences(await client.openVolume(volume.volumeId))).toEqual([])
}
