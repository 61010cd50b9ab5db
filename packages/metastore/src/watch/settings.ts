import type { WatchLimits } from '@graft-ts/protocol'
import { MetastoreError } from '../errors.ts'

/** How a meta store lets itself be watched, and what that may cost. `describe` tells clients those of {@link WatchLimits}. */
export interface WatchSettings extends WatchLimits {
  /** Different volumes that are watched at a time, by all watches of this process. Default 10,000. */
  readonly watchedVolumesMax: number
  /** A watched volume is looked at this often for commits of other processes: one read of the store. Default 5,000 ms. */
  readonly probeMs: number
  /** While nothing happens the interval doubles up to this. Default 30,000 ms. */
  readonly probeMsMax: number
}

/** The settings where the caller names none. */
export const WATCH_DEFAULTS: WatchSettings = {
  volumesMax: 1024,
  watchesPerPrincipalMax: 256,
  watchesMax: 4096,
  heartbeatMs: 15_000,
  watchedVolumesMax: 10_000,
  probeMs: 5000,
  probeMsMax: 30_000,
}

// What the timers of all runtimes can count to.
const SETTING_MAX = 2 ** 31 - 1

/**
 * Fills in the defaults.
 *
 * @throws {@link MetastoreError} `METASTORE_OPTIONS`.
 */
export function resolveWatchSettings(given: Partial<WatchSettings> | undefined): WatchSettings {
  const settings = { ...WATCH_DEFAULTS, ...given }
  for (const [name, value] of Object.entries(settings)) {
    if (!Number.isInteger(value) || value < 1 || value > SETTING_MAX) {
      throw new MetastoreError('METASTORE_OPTIONS', `watch setting is out of range, ${name}=${value}`)
    }
  }
  if (settings.probeMsMax < settings.probeMs) {
    const values = `probeMs=${settings.probeMs} probeMsMax=${settings.probeMsMax}`
    throw new MetastoreError('METASTORE_OPTIONS', `the interval cannot shrink while nothing happens, ${values}`)
  }
  return settings
}
