import type { Command } from '@commander-js/extra-typings'
import type { MakeContext } from '../command-options.ts'
import { addInspectCommit } from './inspect-commit.ts'
import { addInspectSegment } from './inspect-segment.ts'
import { addInspectVolume } from './inspect-volume.ts'

/** Adds `graft-ts inspect`. */
export function addInspect(program: Command, makeContext: MakeContext): void {
  const inspect = program.command('inspect').summary('look at a volume, a commit or a segment as it is stored')
  addInspectVolume(inspect, makeContext)
  addInspectCommit(inspect, makeContext)
  addInspectSegment(inspect, makeContext)
}
