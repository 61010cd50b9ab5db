import { readEnvironment } from '../environment.ts'
import { startVersitygw } from '../servers/versitygw.ts'
import { s3Suite } from './s3-suite.ts'

const MEBIBYTE = 2 ** 20

s3Suite({
  name: 'versitygw',
  need: readEnvironment().versitygw,
  start: (program, folder) => startVersitygw(program, folder, 2),
  // It looks at the condition of a deletion, but not in one step with the deletion.
  capabilities: { conditionalDelete: false },
  deviations: {
    'a deletion is the last word over swaps that race with it': 'a swap that versitygw is busy with writes the object anew',
  },
  raceBytes: [20, 100_000, 8 * MEBIBYTE],
  rounds: 6,
  load: { writers: 12, created: 240, swapped: 6, swapsEach: 20, racers: 4, smallBytesMax: 64 * 1024, largeBytes: 5 * MEBIBYTE },
  faults: ({ gateways: [first, second] }) => [
    { name: 'kill -9 of a gateway', after: 0.2, run: async () => first?.kill() },
    { name: 'its start', after: 0.3, run: async () => first?.start() },
    { name: 'kill -9 of the other gateway', after: 0.5, run: async () => second?.kill() },
    {
      name: 'kill -9 of both, and their start',
      after: 0.7,
      run: async () => {
        await first?.kill()
        await Promise.all([first?.start(), second?.start()])
      },
    },
  ],
})
