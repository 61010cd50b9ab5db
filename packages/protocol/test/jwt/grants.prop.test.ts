import { newVolumeId, systemIdSource } from '@graft-ts/volume'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { allows, grantsFromClaim } from '../../src/jwt/grants.ts'
import { volumeA } from './harness.ts'

test('I11: any claim is a list of grants or refused, and never throws', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), (claim) => {
      const grants = grantsFromClaim(claim)
      if (grants !== undefined) expect(allows(grants, { action: 'admin', volumeId: volumeA })).toBe(false)
    }),
  )
})

const ACTIONS = ['read', 'write', 'create', 'admin'] as const
const volumes = [1, 2, 3].map(() => newVolumeId(systemIdSource))
const grant = fc.record({
  actions: fc.subarray([...ACTIONS], { minLength: 1 }),
  volumes: fc.oneof(fc.constant('*' as const), fc.subarray(volumes, { minLength: 1 })),
})

test('what is allowed is what any one grant allows, no more and no less', () => {
  fc.assert(
    fc.property(fc.array(grant, { minLength: 1, maxLength: 4, size: 'max' }), (claim) => {
      const grants = grantsFromClaim(claim)
      if (grants === undefined) throw new Error('refused')
      for (const volumeId of volumes) {
        for (const action of ACTIONS) {
          const isGranted = claim.some(
            (one) => one.actions.includes(action) && (one.volumes === '*' || one.volumes.includes(volumeId)),
          )
          expect(allows(grants, { action, volumeId })).toBe(isGranted)
        }
      }
    }),
  )
})

describe('claims that are refused as a whole', () => {
  const good = { actions: ['read'], volumes: [volumeA] }
  test.each([
    [undefined],
    [null],
    ['read'],
    [{}],
    [good],
    [[]],
    [[null]],
    [['read']],
    [[good, 7]],
    [[{ actions: ['read'] }]],
    [[{ volumes: '*' }]],
    [[{ ...good, actions: [] }]],
    [[{ ...good, actions: 'read' }]],
    [[{ ...good, actions: ['read', 7] }]],
    [[{ ...good, volumes: [] }]],
    [[{ ...good, volumes: '**' }]],
    [[{ ...good, volumes: ['*'] }]],
    [[{ ...good, volumes: [volumeA, 'nonsense'] }]],
    [[{ ...good, volumes: [` ${volumeA}`] }]],
    [[{ ...good, volumes: [7] }]],
    [[good, { ...good, until: 'noon' }]],
    [[[good]]],
  ])('%j', (claim) => {
    expect(grantsFromClaim(claim)).toBeUndefined()
    expect(grantsFromClaim([good])).toBeDefined()
  })
})
