/** Something that takes time and memory, and gives several results. */
export interface Task<T> {
  /** What it and its results take in memory until the last of them has been taken. */
  readonly bytes: number
  /** It is over when all its promises are settled. */
  readonly start: () => readonly Promise<T>[]
}

interface Started {
  readonly bytes: number
  /** Results that have not been taken. */
  left: number
}

/**
 * Runs tasks, a bounded number and a bounded amount at a time, and gives their results in the order of their arrival.
 *
 * @param tasks Started in order.
 * @param options.inFlightMax How many tasks run at the same time.
 * @param options.bytesMax What tasks take together, from their start until the consumer asks for more after their last
 * result. A task that takes more goes alone.
 * @throws The first failure, at once; what is still running is then ignored.
 */
export async function* inOrderOfArrival<T>(
  tasks: readonly Task<T>[],
  options: { inFlightMax: number; bytesMax: number },
): AsyncGenerator<T, void, undefined> {
  const results: { readonly result: T; readonly started: Started }[] = []
  let failure: { error: unknown } | undefined
  let nextTask = 0
  let running = 0
  let held = 0
  let wake = (): void => undefined
  const start = (task: Task<T>): void => {
    const promises = task.start()
    const started: Started = { bytes: task.bytes, left: promises.length }
    running += 1
    if (started.left > 0) held += started.bytes
    const arriving = promises.map((promise) =>
      promise.then(
        (result) => {
          results.push({ result, started })
          wake()
        },
        (error: unknown) => {
          failure ??= { error }
          wake()
        },
      ),
    )
    void Promise.all(arriving).then(() => {
      running -= 1
      wake()
    })
  }
  const hasRoom = ({ bytes }: Task<T>): boolean => held === 0 || held + bytes <= options.bytesMax
  for (;;) {
    if (failure !== undefined) throw failure.error
    while (running < options.inFlightMax && nextTask < tasks.length && hasRoom(tasks[nextTask] as Task<T>)) {
      start(tasks[nextTask++] as Task<T>)
    }
    const arrived = results.shift()
    if (arrived !== undefined) {
      yield arrived.result
      arrived.started.left -= 1
      if (arrived.started.left === 0) held -= arrived.started.bytes
    } else if (running === 0 && nextTask === tasks.length) {
      return
    } else {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
}
