/**
 * Runs tasks, a bounded number at a time, and gives their results in the order of their arrival.
 *
 * @param tasks Started in order. Each gives several promises; a task is over when all of them are settled.
 * @param inFlightMax How many tasks run at the same time.
 * @param waitingMax How many results may wait for the consumer before no further task is started.
 * @throws The first failure, at once; what is still running is then ignored.
 */
export async function* inOrderOfArrival<T>(
  tasks: readonly (() => readonly Promise<T>[])[],
  options: { inFlightMax: number; waitingMax: number },
): AsyncGenerator<T, void, undefined> {
  const results: T[] = []
  let failure: { error: unknown } | undefined
  let nextTask = 0
  let running = 0
  let wake = (): void => undefined
  const start = (task: () => readonly Promise<T>[]): void => {
    running += 1
    const promises = task().map((promise) =>
      promise.then(
        (result) => {
          results.push(result)
          wake()
        },
        (error: unknown) => {
          failure ??= { error }
          wake()
        },
      ),
    )
    void Promise.all(promises).then(() => {
      running -= 1
      wake()
    })
  }
  for (;;) {
    if (failure !== undefined) throw failure.error
    while (running < options.inFlightMax && nextTask < tasks.length && results.length < options.waitingMax) {
      start(tasks[nextTask++] as () => readonly Promise<T>[])
    }
    const result = results.shift()
    if (result !== undefined) {
      yield result
    } else if (running === 0 && nextTask === tasks.length) {
      return
    } else {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
}
