import { test } from 'vitest'
import { expectNoFailure, range } from './seeds.ts'

test('I1 to I9, I11, I12: seeds 101 to 200', () => expectNoFailure(range(101, 200)), 600_000)
