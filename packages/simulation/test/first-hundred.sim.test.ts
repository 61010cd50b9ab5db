import { test } from 'vitest'
import { expectNoFailure, range } from './seeds.ts'

test('I1 to I9, I11, I12: seeds 1 to 100', () => expectNoFailure(range(1, 100)), 600_000)
