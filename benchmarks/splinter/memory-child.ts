// Makes many sets of a workload and prints how many bytes each takes. Needs --expose-gc. See memory.ts.
import { allContenders } from './all-contenders.ts'
import { setsOf } from './workloads.ts'

const MEMBERS = 2_000_000
const SETS_MIN = 128
const SETS_MAX = 20_000

const [name, workload] = process.argv.slice(2)
const contender = allContenders().find((candidate) => candidate.name === name)
if (contender === undefined) throw new Error(`no such contender: ${name}`)
const members = setsOf(Number(workload))
const count = Math.min(SETS_MAX, Math.max(SETS_MIN, Math.ceil(MEMBERS / members[0]!.length)))

function used(): number {
  // Twice: the memory of array buffers is given back after the objects are.
  globalThis.gc?.()
  globalThis.gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + (contender!.memoryOutside === undefined ? arrayBuffers : contender!.memoryOutside())
}

// Once before, so that code and tables that are made at first use do not count.
contender.make(members[0]!)
const sets = new Array<unknown>(count).fill(undefined)
const before = used()
for (let i = 0; i < count; i++) sets[i] = contender.make(members[i % members.length]!)
const after = used()
if (contender.size(sets[count - 1]) !== members[(count - 1) % members.length]!.length) throw new Error('a set is wrong')
process.stdout.write(String((after - before) / count))
