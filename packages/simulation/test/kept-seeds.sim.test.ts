import { test } from 'vitest'
import { readKeptSeeds } from '../src/kept-seeds.ts'
import { expectNoFailure } from './seeds.ts'

test('every seed that ever failed', () => expectNoFailure(readKeptSeeds().map(({ seed }) => seed)), 600_000)
