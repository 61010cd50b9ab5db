import { parseVolumeId, type VolumeId } from '@graft-ts/volume'
import type { Action, AuthorizationRequest } from '../authorization.ts'

/** The claim that holds what a token allows. */
export const GRANTS_CLAIM = 'graft'

/** What a token allows on some volumes; a token has one or more, and allows what any of them does. */
export interface Grant {
  readonly actions: readonly Action[]
  /** `'*'`: all volumes of the deployment, also those that are not there yet. */
  readonly volumes: '*' | readonly VolumeId[]
}

/** Grants in the form in which they are asked. */
export type Grants = readonly {
  readonly actions: ReadonlySet<string>
  readonly volumes: '*' | ReadonlySet<string>
}[]

/**
 * Reads the claim. An action that is not known grants nothing, so that later versions may add some; a member that is not
 * known makes the whole claim invalid, for it might be a restriction.
 *
 * @returns `undefined` if it is not of the documented form.
 */
export function grantsFromClaim(claim: unknown): Grants | undefined {
  if (!isFilledArray(claim)) return undefined
  const grants = claim.map(grantFromClaim)
  return grants.every((grant) => grant !== undefined) ? grants : undefined
}

function grantFromClaim(value: unknown): Grants[number] | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { actions, volumes, ...rest } = value as Record<string, unknown>
  if (Object.keys(rest).length > 0 || !isFilledArray(actions) || !actions.every((action) => typeof action === 'string')) {
    return undefined
  }
  if (volumes === '*') return { actions: new Set(actions), volumes }
  if (!isFilledArray(volumes) || !volumes.every(isVolumeId)) return undefined
  return { actions: new Set(actions), volumes: new Set(volumes) }
}

function isFilledArray(value: unknown): value is unknown[] {
  return Array.isArray(value) && value.length > 0
}

function isVolumeId(value: unknown): value is VolumeId {
  if (typeof value !== 'string') return false
  try {
    return parseVolumeId(value) === value
  } catch {
    return false
  }
}

/** Whether any grant allows a call. `write` includes reading metadata: an answer to a commit tells it anyway (I7). */
export function allows(grants: Grants, { action, volumeId, isMetadata }: Omit<AuthorizationRequest, 'headers'>): boolean {
  return grants.some(({ actions, volumes }) => {
    if (volumes !== '*' && !volumes.has(volumeId)) return false
    return actions.has(action) || (action === 'read' && isMetadata === true && actions.has('write'))
  })
}
