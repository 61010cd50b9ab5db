import { Splinter, SplinterView } from '@graft-ts/splinter'

const changed = Splinter.from([1, 5, 6]).addRange(100, 199)
const bytes = changed.toBytes() // 41 bytes, for storing or sending

const view = new SplinterView(bytes) // checked, then read in place
console.log(view.size, view.has(150), view.rank(150), view.select(3))

const wanted = new Set([5, 7, 120])
console.log([...view.intersection(wanted)], wanted.difference(view))

const all = Splinter.unionAll([view, wanted, Splinter.fromRange(2 ** 31, 2 ** 32 - 1)])
console.log(all.size, all.byteLength)
