import type { Durability } from './context.ts'
import { ClientError } from './errors.ts'
import type { Isolation } from './state/local-commit.ts'

const DURABILITIES: readonly Durability[] = ['memory', 'local', 'remote']
const ISOLATIONS: readonly Isolation[] = ['serializable', 'snapshot']

/**
 * The durability. Throws {@link ClientError} `CLIENT_OPTIONS` for one that there is not.
 *
 * @param isStateless Whether there is no local store in which something could last.
 */
export function checkDurability(durability: Durability, isStateless: boolean): Durability {
  if (isStateless && durability === 'local') {
    throw new ClientError('CLIENT_OPTIONS', 'nothing is local in a store in memory, durability=local')
  }
  if (DURABILITIES.includes(durability)) return durability
  throw new ClientError('CLIENT_OPTIONS', `no such durability, got=${durability}`)
}

/** The isolation. Throws {@link ClientError} `CLIENT_OPTIONS` for one that there is not. */
export function checkIsolation(isolation: Isolation): Isolation {
  if (ISOLATIONS.includes(isolation)) return isolation
  throw new ClientError('CLIENT_OPTIONS', `no such isolation, got=${isolation}`)
}
