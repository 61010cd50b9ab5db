import { SingleBar } from 'cli-progress'
import type { FileProgress } from '../files/import-file.ts'
import type { CliContext } from './io.ts'

const NO_BAR = (): void => undefined

/**
 * Runs long work with a progress bar on standard error, one for each stage, gone when it is over; with none at all unless
 * that is a terminal that people look at.
 */
export async function withProgress<T>(
  { io, isJson }: CliContext,
  run: (onProgress: (progress: FileProgress) => void) => Promise<T>,
): Promise<T> {
  if (io.stderr.isTTY !== true || isJson) return run(NO_BAR)
  let bar: SingleBar | undefined
  let stage: string | undefined
  try {
    return await run((progress) => {
      if (progress.stage !== stage) {
        bar?.stop()
        stage = progress.stage
        bar = openBar(io.stderr, stage)
        bar.start(progress.pagesTotal, progress.pagesDone)
      } else bar?.update(progress.pagesDone)
    })
  } finally {
    bar?.stop()
  }
}

function openBar(stream: NodeJS.WritableStream, title: string): SingleBar {
  const format = `${title.padEnd(9)} [{bar}] {percentage}%  {value}/{total} pages  {duration_formatted}`
  return new SingleBar({ stream, format, barsize: 30, hideCursor: true, clearOnComplete: true, gracefulExit: false })
}
