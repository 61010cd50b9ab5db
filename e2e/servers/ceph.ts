import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { cephConf } from './ceph-conf.ts'
import { freePorts } from './ports.ts'
import { CREDENTIALS, type Gateway, type S3Server, type S3Settings } from './s3-server.ts'
import { answersHttp, ServerProcess } from './server-process.ts'
import { installDebianPackages, needPrograms } from './tool-chain.ts'

const run = promisify(execFile)

const PACKAGES = ['ceph-mon', 'ceph-osd', 'radosgw']
const PROGRAMS = ['ceph', 'ceph-mon', 'ceph-osd', 'monmaptool', 'radosgw', 'radosgw-admin']
const COMMAND_MS_MAX = 60_000

/** Installs Ceph unless it is there. @returns Its version. @throws {ToolChainMissing} */
export async function installCeph(): Promise<string> {
  await needPrograms(['setpriv'])
  await installDebianPackages(PACKAGES, PROGRAMS)
  const { stdout } = await run('radosgw', ['--version'])
  return /version (\S+)/.exec(stdout)?.[1] ?? stdout.trim()
}

/** What {@link CephCluster.start} makes. */
export interface CephOptions {
  /** An existing, empty folder. */
  readonly folder: string
  /** How many daemons keep objects; each object lies on all of them. */
  readonly osdCount: number
  readonly gatewayCount: number
}

/**
 * A cluster of Ceph on this machine: a monitor, daemons that keep objects (OSDs), and gateways that speak S3. Every one
 * is a process that can be killed and started again.
 */
export class CephCluster implements S3Server {
  readonly name = 'Ceph RGW'
  // Version 16 compares etags with the header as it stands, and wants no checksum that the protocol does not ask for.
  readonly settings: S3Settings = { quoteEtags: false, requestChecksumCalculation: 'WHEN_REQUIRED' }
  readonly osds: readonly ServerProcess[]
  readonly gateways: readonly Gateway[]
  readonly #options: CephOptions
  readonly #conf: string
  readonly #monitor: ServerProcess
  readonly #gatewayProcesses: readonly ServerProcess[]

  private constructor(options: CephOptions, monitorPort: number, gatewayPorts: readonly number[]) {
    this.#options = options
    this.#conf = join(options.folder, 'ceph.conf')
    this.#monitor = this.#daemon('ceph-mon', ['-i', 'a'], () => accepts(monitorPort))
    this.osds = Array.from({ length: options.osdCount }, (_, id) =>
      this.#daemon('ceph-osd', ['-i', `${id}`], () => this.#isUp(id)),
    )
    this.#gatewayProcesses = gatewayPorts.map((port, id) =>
      this.#daemon('radosgw', ['-n', `client.rgw${id}`], () => answersHttp(`http://127.0.0.1:${port}/`)),
    )
    this.gateways = this.#gatewayProcesses.map((process, id) => ({
      endpoint: `http://127.0.0.1:${gatewayPorts[id]}`,
      kill: () => process.kill(),
      start: () => process.start(),
    }))
  }

  /** Makes a cluster from nothing, with one user, and starts all of it. */
  static async start(options: CephOptions): Promise<CephCluster> {
    const [monitorPort, ...gatewayPorts] = (await freePorts(1 + options.gatewayCount)) as [number, ...number[]]
    const cluster = new CephCluster(options, monitorPort, gatewayPorts)
    try {
      await cluster.#lay(monitorPort, gatewayPorts)
    } catch (error) {
      await cluster.stop()
      throw error
    }
    return cluster
  }

  /** Starts everything again after {@link stop}, on the same data. */
  async restart(): Promise<void> {
    await this.#monitor.start()
    await Promise.all(this.osds.map((osd) => osd.start()))
    await Promise.all(this.#gatewayProcesses.map((gateway) => gateway.start()))
  }

  /** Kills everything at once. */
  async stop(): Promise<void> {
    await Promise.all([...this.#gatewayProcesses, ...this.osds, this.#monitor].map((process) => process.kill()))
  }

  async #lay(monitorPort: number, gatewayPorts: readonly number[]): Promise<void> {
    const { folder, osdCount } = this.#options
    const clusterId = randomUUID()
    for (const name of ['log', 'sockets', 'crash']) await mkdir(join(folder, name))
    await writeFile(this.#conf, cephConf({ clusterId, folder, monitorPort, gatewayPorts, copies: osdCount }))
    await writeFile(join(folder, 'keyring'), '')
    const map = join(folder, 'monitors')
    await this.#run('monmaptool', ['--create', '--fsid', clusterId, '--addv', 'a', `[v2:127.0.0.1:${monitorPort}]`, map])
    await this.#run('ceph-mon', ['--mkfs', '-i', 'a', '--monmap', map])
    await this.#monitor.start()
    const disks: Promise<unknown>[] = []
    for (let id = 0; id < osdCount; id++) {
      const osdId = randomUUID()
      await mkdir(join(folder, `osd${id}`))
      // Numbers are given in turn, from 0.
      await this.#run('ceph', ['osd', 'new', osdId])
      disks.push(this.#run('ceph-osd', ['-i', `${id}`, '--mkfs', '--osd-uuid', osdId]))
    }
    await Promise.all(disks)
    await Promise.all(this.osds.map((osd) => osd.start()))
    const { accessKeyId, secretAccessKey } = CREDENTIALS
    const keys = [`--access-key=${accessKeyId}`, `--secret-key=${secretAccessKey}`]
    await this.#run('radosgw-admin', ['-n', 'client.rgw0', 'user', 'create', '--uid=e2e', '--display-name=e2e', ...keys])
    await Promise.all(this.#gatewayProcesses.map((gateway) => gateway.start()))
  }

  #daemon(command: string, args: readonly string[], isReady: () => Promise<boolean>): ServerProcess {
    const name = [command, ...args].join(' ')
    const logPath = join(this.#options.folder, 'log', `${name.replaceAll(' ', '-')}.out`)
    return new ServerProcess({ name, command, args: ['--conf', this.#conf, '-f', ...args], logPath, isReady })
  }

  async #isUp(osdId: number): Promise<boolean> {
    try {
      const { osds } = JSON.parse(await this.#run('ceph', ['osd', 'dump', '--format', 'json'])) as { osds: CephOsd[] }
      return osds.some(({ osd, up }) => osd === osdId && up === 1)
    } catch {
      return false
    }
  }

  async #run(command: string, args: readonly string[]): Promise<string> {
    const env = { PATH: process.env['PATH'], CEPH_ARGS: `--conf ${this.#conf}` }
    const { stdout } = await run(command, args, { env, timeout: COMMAND_MS_MAX, maxBuffer: 2 ** 24 })
    return stdout
  }
}

interface CephOsd {
  readonly osd: number
  readonly up: 0 | 1
}

/** Whether somebody accepts connections on a port of the loopback address. */
function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
