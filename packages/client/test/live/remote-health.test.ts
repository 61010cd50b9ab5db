import type { Lsn } from '@graft-ts/volume'
import { expect, test } from 'vitest'
import { ClientError } from '../../src/errors.ts'
import { RemoteHealth } from '../../src/live/remote-health.ts'

const make = () => {
  let nowMs = 0
  let changes = 0
  const health = new RemoteHealth({ nowMs: () => ++nowMs, onChange: () => changes++ })
  return { health, changes: () => changes }
}

test('the failure that counts is the newest of those that nothing has made good', () => {
  const { health } = make()
  health.failed('pull', 'first')
  health.failed('push', 'second')
  expect(health.lastFailure).toMatchObject({ operation: 'push', error: 'second' })
  health.failed('pull', 'third')
  expect(health.lastFailure).toMatchObject({ operation: 'pull', error: 'third' })
  health.succeeded('pull')
  expect(health.lastFailure).toMatchObject({ operation: 'push', error: 'second', atMs: 2 })
  health.recovered('push')
  expect(health.lastFailure).toBeUndefined()
})

test('who gives up, or closes, says nothing about servers', () => {
  const { health, changes } = make()
  health.failed('read', new ClientError('ABORTED', 'enough'))
  health.failed('read', new ClientError('CLIENT_CLOSED', 'closed'))
  expect([health.lastFailure, changes()]).toEqual([undefined, 0])
})

test('what was heard of the log never goes back', () => {
  const { health, changes } = make()
  for (const lsn of [3, 3, 2]) health.heard(lsn as Lsn)
  expect([health.heardLsn, changes()]).toEqual([3, 1])
})
