/** Values of a block, the lowest level of containers. */
export const BLOCK_VALUES = 65536

/** Most values in a list. In a block, 2,048 take as much memory as a bitmap. */
export function listMax(width: number): number {
  return width === 2 ? 2048 : 4096
}

/** Most runs in a run container. In a block, 1,024 take as much memory as a bitmap. */
export function runsMax(width: number): number {
  return width === 2 ? 1024 : 2048
}

/** A bitmap with no more values than this becomes a list. Half the way, so that one value cannot make it flip to and fro. */
export const BITMAP_COUNT_MIN = 1024
/** A tree with no more values than this becomes a list. */
export const TREE_COUNT_MIN = 2048
/** A tree of lists and runs with no more runs than this altogether becomes a run container. */
export const TREE_RUNS_MIN = 256

/** Whether runs are the better form for `count` values: a quarter of a list's memory, or less. */
export function prefersRuns(count: number, runs: number): boolean {
  return 8 * runs <= count
}
