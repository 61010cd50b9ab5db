/** What the configuration file of a cluster depends on. */
export interface CephConfOptions {
  readonly clusterId: string
  /** Holds everything that the daemons write. */
  readonly folder: string
  readonly monitorPort: number
  /** Ports of the gateways; the names of their daemons are `client.rgw0`, `client.rgw1`, … */
  readonly gatewayPorts: readonly number[]
  /** On how many daemons each object lies. */
  readonly copies: number
}

/**
 * The configuration of a cluster whose daemons share one machine: no authentication among them (and so no
 * encrypted connections), few placement groups,
 * copies on daemons instead of hosts, and a monitor that believes a single daemon about the death of another.
 */
export function cephConf({ clusterId, folder, monitorPort, gatewayPorts, copies }: CephConfOptions): string {
  return `[global]
fsid = ${clusterId}
mon host = v2:127.0.0.1:${monitorPort}
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv6 = false
auth cluster required = none
auth service required = none
auth client required = none
keyring = ${folder}/keyring
run dir = ${folder}/sockets
admin socket = ${folder}/sockets/$name.sock
pid file =
log file = ${folder}/log/$name.log
log to stderr = false
crash dir = ${folder}/crash
osd pool default size = ${copies}
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pgp num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
[mon]
mon data = ${folder}/mon
mon cluster log file = ${folder}/log/cluster.log
mon data avail warn = 2
mon data avail crit = 1
paxos propose interval = 0.05
paxos min wait = 0.01
mon tick interval = 1
mon osd min down reporters = 1
mon osd reporter subtree level = osd
auth allow insecure global id reclaim = false
[osd]
osd data = ${folder}/osd$id
osd objectstore = bluestore
osd memory target = 939524096
osd heartbeat interval = 1
osd heartbeat grace = 5
bluestore block create = true
bluestore block size = 10737418240
[client]
ms mon client mode = crc
rgw thread pool size = 64
rgw enable usage log = false
rgw enable ops log = false
${gatewayPorts.map((port, index) => `[client.rgw${index}]\nrgw frontends = beast endpoint=127.0.0.1:${port} tcp_nodelay=1\n`).join('')}`
}
