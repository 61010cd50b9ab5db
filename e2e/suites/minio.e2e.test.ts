import { readEnvironment } from '../environment.ts'
import { startMinio } from '../servers/minio.ts'
import { s3Suite } from './s3-suite.ts'

const MEBIBYTE = 2 ** 20
const { minio } = readEnvironment()

s3Suite({
  name: 'MinIO',
  need: minio ?? { isHere: false, reason: 'only on request' },
  start: startMinio,
  capabilities: { conditionalDelete: false },
  deviations: {
    'pages of one key hold every key, also below a prefix that is one':
      'where the prefix is itself a key, a page of one of MinIO calls itself the last',
    'a prefix may end in what is no segment of a key': 'MinIO refuses prefixes that end in a segment of one or two dots',
  },
  raceBytes: [20, 100_000, 8 * MEBIBYTE],
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
