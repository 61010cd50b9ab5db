import { expect, test } from 'vitest'
import { faultTable, withFaultTable } from '../src/fault-table.ts'
import { Tally } from '../src/tally.ts'

const DOCUMENT = 'before\n<!-- faults: written by npm run sim -- --write -->\nold\n<!-- faults end -->\nafter\n'

test('says what was survived, by kind', () => {
  const tally = new Tally()
  tally.add('network: request lost', 1200)
  tally.add('network: overtaken', 9)
  tally.add('disk: read failed', 3)
  tally.add('operations: push', 5000)
  tally.add('checks: views', 7)
  const table = faultTable({ seeds: 2, tally, virtualMs: 7_200_000, events: 1, failures: [] }, 'npm run x', '2020-01-02')
  expect(table).toContain(
    '2 seeds, 5,000 operations of clients, 1,203 faults, 7 checks in 2 hours of virtual time: zero violations.',
  )
  expect(table).toContain('`npm run x`, 2020-01-02.')
  expect(table).toContain('| network | 1,200 | request lost 1,200 |')
  expect(table).toContain('| disk | 3 | read failed 3 |')
})

test('takes the place of the last one', () => {
  const document = withFaultTable(withFaultTable(DOCUMENT, 'first'), 'second')
  expect(document).toBe(DOCUMENT.replace('old', 'second'))
  expect(() => withFaultTable('nothing', 'table')).toThrow('no place for the table')
})
