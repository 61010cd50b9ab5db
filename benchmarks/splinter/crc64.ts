import { Crc64Nvme as Baseline } from '@aws-sdk/crc64-nvme'
import { crc64Nvme } from '@graft-ts/splinter/crc64'
import type { Measurement } from '../harness/subject.ts'
import { seeded } from './random.ts'
import { CRC64 } from './targets.ts'
import { timeTurns } from './time.ts'

/** The checksum of the format on buffers of some sizes. */
export async function crc64Rows(): Promise<Measurement[]> {
  const random = seeded(3000)
  const rows: Measurement[] = []
  for (const [size, count] of [
    [64, 4096],
    [4096, 64],
    [2 ** 20, 2],
  ] as const) {
    const buffers = Array.from({ length: count }, () => Uint8Array.from({ length: size }, () => random(256)))
    await checkSame(buffers[0]!)
    const best = timeTurns([
      { name: 'ours', run: () => buffers.reduce((sum, bytes) => sum + Number(crc64Nvme(bytes) !== undefined), 0) },
      { name: 'baseline', run: () => buffers.reduce((sum, bytes) => sum + updateOne(bytes), 0) },
    ])
    const megabytes = (size * count) / 1e6
    rows.push({
      case: `CRC-64, ${size} bytes`,
      unit: 'MB/s',
      better: 'more',
      ours: megabytes / (best.get('ours')! / 1000),
      baseline: megabytes / (best.get('baseline')! / 1000),
      baselineName: '@aws-sdk/crc64-nvme',
      target: CRC64,
    })
  }
  return rows
}

/** Without the digest, which is asynchronous: that is in the baseline's favour. */
function updateOne(bytes: Uint8Array): number {
  const checksum = new Baseline()
  checksum.update(bytes)
  return 1
}

async function checkSame(bytes: Uint8Array): Promise<void> {
  const checksum = new Baseline()
  checksum.update(bytes)
  const expected = new DataView((await checksum.digest()).slice().buffer).getBigUint64(0, false)
  if (crc64Nvme(bytes) !== expected) throw new Error('the checksums differ')
}
