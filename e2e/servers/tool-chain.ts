import { execFile } from 'node:child_process'
import { access, constants, mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** What a server needs is not on this machine and cannot be brought here; its suites are skipped and say why. */
export class ToolChainMissing extends Error {
  override readonly name = 'ToolChainMissing'
}

const GO_FOLDERS = ['/usr/local/go/bin', '/usr/lib/go/bin']
const INSTALL_MS_MAX = 15 * 60_000

/** Path of a program, looked for as a shell does and then in further folders; `undefined` if there is none. */
async function findProgram(name: string, folders: readonly string[] = []): Promise<string | undefined> {
  for (const folder of [...(process.env['PATH'] ?? '').split(delimiter), ...folders]) {
    const path = join(folder, name)
    if (folder !== '' && (await isExecutable(path))) return path
  }
  return undefined
}

/** @throws {ToolChainMissing} if one of the programs is not here. */
export async function needPrograms(names: readonly string[]): Promise<void> {
  for (const name of names) {
    if ((await findProgram(name)) === undefined) throw new ToolChainMissing(`there is no ${name} here`)
  }
}

/** A program written in Go. */
export interface GoProgram {
  readonly name: string
  /** Path of its main package. */
  readonly package: string
  readonly version: string
}

/**
 * Builds a program once and keeps it in the user's cache, by version: minutes of work for the processor.
 *
 * @returns Its path.
 * @throws {ToolChainMissing} if there is no Go, or it cannot build the program.
 */
export async function installGoProgram({ name, package: path, version }: GoProgram): Promise<string> {
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'graft-ts', 'e2e')
  const folder = join(cache, `${name}-${version}`)
  const program = join(folder, name)
  if (await isExecutable(program)) return program
  const go = await findProgram('go', GO_FOLDERS)
  if (go === undefined) throw new ToolChainMissing('there is no go here')
  console.log(`building ${name} ${version}, once; this can take some minutes`)
  await mkdir(cache, { recursive: true })
  const building = await mkdtemp(join(cache, 'building-'))
  try {
    await run(go, ['install', `${path}@${version}`], { timeout: INSTALL_MS_MAX, env: { ...process.env, GOBIN: building } })
    // Whole or not at all; of two runs that build it, either will do.
    await rename(building, folder).catch(async (error: unknown) => {
      if (!(await isExecutable(program))) throw error
    })
    return program
  } catch (error) {
    throw new ToolChainMissing(`go install ${path} failed: ${reasonOf(error)}`, { cause: error })
  } finally {
    await rm(building, { recursive: true, force: true })
  }
}

/**
 * Installs packages of Debian, if some of their programs are missing.
 *
 * @throws {ToolChainMissing} if this is not a Debian that we may install on, or apt-get refuses.
 */
export async function installDebianPackages(packages: readonly string[], programs: readonly string[]): Promise<void> {
  const found = await Promise.all(programs.map((name) => findProgram(name)))
  if (!found.includes(undefined)) return
  const apt = await findProgram('apt-get')
  if (apt === undefined) throw new ToolChainMissing('there is no apt-get here')
  if (process.getuid?.() !== 0) throw new ToolChainMissing(`only root can run apt-get install ${packages.join(' ')}`)
  console.log(`installing ${packages.join(' ')}`)
  const options = { timeout: INSTALL_MS_MAX, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }, maxBuffer: 64 * 2 ** 20 }
  const install = ['-qq', '-o', 'DPkg::Lock::Timeout=300', 'install', '-y', '--no-install-recommends', ...packages]
  try {
    await run(apt, ['-qq', 'update'], options)
    await run(apt, install, options)
  } catch (error) {
    throw new ToolChainMissing(`apt-get failed: ${reasonOf(error)}`, { cause: error })
  }
  await needPrograms(programs)
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function reasonOf(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message: string }
  return (stderr || message).trim().split('\n').at(-1) ?? ''
}
