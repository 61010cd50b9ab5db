import { readEnvironment } from '../environment.ts'
import { startMinio } from '../servers/minio.ts'
import { s3Suite } from './s3-suite.ts'

const MEBIBYTE = 2 ** 20
const SHORT_LISTING = 'after a key inside a folder, a short page of MinIO leaves keys out and calls itself the last'
const { minio } = readEnvironment()

s3Suite({
  name: 'MinIO',
  need: minio ?? { isHere: false, reason: 'only on request' },
  start: startMinio,
  capabilities: { conditionalDelete: false },
  deviations: {
    'look-alike keys come once, below every prefix and for every page size': SHORT_LISTING,
    'hostile keys survive the way through pages': SHORT_LISTING,
  },
  raceBytes: [20, 100_000, 7 * MEBIBYTE],
  rounds: 4,
  load: { writers: 12, created: 100, swapped: 4, swapsEach: 10, racers: 4, smallBytesMax: 64 * 1024, largeBytes: 5 * MEBIBYTE },
  faults: ({ gateways: [only] }) => [
    {
      name: 'kill -9 and start',
      after: 0.5,
      run: async () => {
        await only?.kill()
        await only?.start()
      },
    },
  ],
})
