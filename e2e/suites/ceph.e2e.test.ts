import { readEnvironment } from '../environment.ts'
import { CephCluster } from '../servers/ceph.ts'
import { s3Suite } from './s3-suite.ts'

const MEBIBYTE = 2 ** 20

s3Suite({
  name: 'Ceph RGW',
  need: readEnvironment().ceph,
  start: (_, folder) => CephCluster.start({ folder, osdCount: 3, gatewayCount: 2 }),
  // It answers a conditional deletion as if it had no condition.
  capabilities: { conditionalDelete: false },
  deviations: {
    'a deletion is the last word over swaps that race with it': 'a swap that Ceph 16 is busy with writes the object anew',
  },
  raceBytes: [20, 100_000, 8 * MEBIBYTE],
  rounds: 4,
  load: { writers: 12, created: 240, swapped: 5, swapsEach: 20, racers: 4, smallBytesMax: 64 * 1024, largeBytes: 5 * MEBIBYTE },
  faults: (cluster) => [
    { name: 'kill -9 of an OSD', after: 0.05, run: async () => cluster.osds[0]?.kill() },
    { name: 'its start', after: 0.2, run: async () => cluster.osds[0]?.start() },
    { name: 'kill -9 of a gateway', after: 0.3, run: async () => cluster.gateways[0]?.kill() },
    { name: 'its start', after: 0.45, run: async () => cluster.gateways[0]?.start() },
    {
      name: 'kill -9 of everything, and its start',
      after: 0.6,
      run: async () => {
        await cluster.stop()
        await cluster.restart()
      },
    },
    {
      name: 'kill -9 of another OSD and of the other gateway',
      after: 0.7,
      run: async () => {
        await Promise.all([cluster.osds[2]?.kill(), cluster.gateways[1]?.kill()])
      },
    },
    {
      name: 'their start',
      after: 0.85,
      run: async () => {
        await Promise.all([cluster.osds[2]?.start(), cluster.gateways[1]?.start()])
      },
    },
  ],
})
