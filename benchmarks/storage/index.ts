// The adapters of storage-adapters, against doing the same without them.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { CreateBucketCommand } from '@aws-sdk/client-s3'
import { FsStore } from '@graft-ts/storage-adapters/fs'
import { MemoryStore } from '@graft-ts/storage-adapters/memory'
import { type Gateway, newS3Client, newS3Store } from '../../e2e/servers/s3-server.ts'
import { ToolChainMissing } from '../../e2e/servers/tool-chain.ts'
import { installVersitygw, startVersitygw } from '../../e2e/servers/versitygw.ts'
import type { BenchmarkContext, Measurement, Subject } from '../harness/subject.ts'
import { bareFs } from './bare-fs.ts'
import { bareMap } from './bare-map.ts'
import { bareSdk } from './bare-sdk.ts'
import { measureRivals } from './contest.ts'
import { storeSide } from './side.ts'

const BUCKETS = { ours: 'ours', baseline: 'baseline' } as const
const KIBIBYTE = 2 ** 10
const MEBIBYTE = 2 ** 20

export const subject: Subject = {
  description: 'object stores against bare fs calls with the same syncs, the bare SDK on the same server, and a bare Map',
  run: async (context) => [...(await memoryRows(context)), ...(await fsRows(context)), ...(await s3Rows(context))],
}

function memoryRows({ progress }: BenchmarkContext): Promise<Measurement[]> {
  return measureRivals(
    {
      name: 'memory',
      ours: storeSide(new MemoryStore()),
      baseline: bareMap(),
      baselineName: 'Map, same copies',
      target: 0.3,
      rounds: 100,
      countOf: (bytes) => (bytes < MEBIBYTE ? 200 : 4),
      // Beyond, all that is left of either side is the system's work to find memory that was never used.
      createdBytesMax: 64 * KIBIBYTE,
    },
    progress,
  )
}

async function fsRows({ scratch, progress }: BenchmarkContext): Promise<Measurement[]> {
  const store = await FsStore.open(join(scratch, 'fs-ours'), { createDirectory: true })
  const folder = join(scratch, 'fs-baseline')
  try {
    return await measureRivals(
      {
        name: 'fs',
        ours: storeSide(store),
        baseline: bareFs(folder),
        baselineName: 'fs calls, same syncs',
        target: 0.8,
        rounds: 300,
        countOf: (bytes) => (bytes < MEBIBYTE ? 4 : 1),
        createdBytesMax: 4 * MEBIBYTE,
        // Making the folder of the first object is the adapter's own work, and not what is compared.
        makePlace: async (prefix) => {
          await mkdir(join(folder, prefix), { recursive: true })
          await store.put(`${prefix}/first`, new Uint8Array())
          await store.delete(`${prefix}/first`)
        },
      },
      progress,
    )
  } finally {
    await store.close()
  }
}

async function s3Rows({ scratch, progress }: BenchmarkContext): Promise<Measurement[]> {
  let program: string
  try {
    program = await installVersitygw()
  } catch (error) {
    if (!(error instanceof ToolChainMissing)) throw error
    progress(`s3 is left out: ${error.message}`)
    return []
  }
  const server = await startVersitygw(program, join(scratch, 'versitygw'), 1)
  const [gateway] = server.gateways as [Gateway]
  const clients = { ours: newS3Client(gateway, server.settings), baseline: newS3Client(gateway, server.settings) }
  try {
    for (const bucket of Object.values(BUCKETS)) await clients.ours.send(new CreateBucketCommand({ Bucket: bucket }))
    return await measureRivals(
      {
        name: 's3',
        ours: storeSide(newS3Store(clients.ours, BUCKETS.ours, server.settings)),
        baseline: bareSdk(clients.baseline, BUCKETS.baseline),
        baselineName: 'bare SDK, versitygw',
        target: 0.9,
        rounds: 100,
        countOf: (bytes) => (bytes < MEBIBYTE ? 4 : 1),
        createdBytesMax: 4 * MEBIBYTE,
      },
      progress,
    )
  } finally {
    for (const client of Object.values(clients)) client.destroy()
    await server.stop()
  }
}
