import { TIMER_MS_MAX } from '@graft-ts/volume'
import { ClientError } from '../errors.ts'
import { checkNames, type OptionNames } from '../option-checks.ts'

/** How a client keeps its volumes in sync by itself. */
export interface SyncOptions {
  /** Pulls when others have committed, and once in the beginning. Default true. */
  readonly pull?: boolean
  /** Pushes what is committed locally. Default true. */
  readonly push?: boolean
  /** A push waits so long for further local commits to go with it: 0 to 2^31 - 1 ms. Default 20. */
  readonly pushDelayMs?: number
  /** How often a meta store that cannot be watched is asked for newer commits: 1 to 2^31 - 1 ms. Default 10,000. */
  readonly intervalMs?: number
}

/** Sync options with their defaults. */
export type SyncSettings = Required<SyncOptions>

const NAMES: OptionNames<SyncOptions> = { pull: true, push: true, pushDelayMs: true, intervalMs: true }
const NONE: SyncSettings = { pull: false, push: false, pushDelayMs: 20, intervalMs: 10_000 }
const DEFAULTS: SyncSettings = { ...NONE, pull: true, push: true }

/** Fills in the defaults; without options nothing is done by itself. Throws {@link ClientError} `CLIENT_OPTIONS`. */
export function syncSettings(options: SyncOptions | undefined): SyncSettings {
  if (options === undefined) return NONE
  checkNames('Client.open sync', options, NAMES)
  const settings = { ...DEFAULTS, ...options }
  checkDelay('sync.pushDelayMs', settings.pushDelayMs, 0)
  checkDelay('sync.intervalMs', settings.intervalMs, 1)
  for (const name of ['pull', 'push'] as const) {
    if (typeof settings[name] !== 'boolean') throw new ClientError('CLIENT_OPTIONS', `must be true or false, sync.${name}`)
  }
  return settings
}

function checkDelay(name: string, value: number, least: number): void {
  if (Number.isInteger(value) && value >= least && value <= TIMER_MS_MAX) return
  throw new ClientError('CLIENT_OPTIONS', `must be ${least} to 2^31 - 1, ${name}=${value}`)
}
