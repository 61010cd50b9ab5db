import { parentPort, workerData } from 'node:worker_threads'
import { read } from './golden/golden-case.ts'
import { HOSTILE_FILES } from './hostile-files.ts'
import { outcomeOf } from './outcome.ts'

// Decodes files in a thread whose memory is limited, and tells of each what came of it.
for (const { name, reader, bytes } of HOSTILE_FILES) {
  if (!(workerData as readonly string[]).includes(name)) continue
  tell({ name })
  tell({ name, outcome: await outcomeOf(read({ reader, bytes: bytes() })) })
}

function tell(message: { readonly name: string; readonly outcome?: string }): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port has none
  parentPort?.postMessage(message)
}
