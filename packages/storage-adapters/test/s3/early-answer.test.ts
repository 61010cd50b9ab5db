import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { outcomeOf } from '../../src/conformance/trial.ts'
import { S3Store } from '../../src/s3.ts'
import { newClient } from './s3-client.ts'

const REFUSAL = '<?xml version="1.0" encoding="UTF-8"?><Error><Code>PreconditionFailed</Code></Error>'

// Servers that look at the headers alone answer a loser before its body has arrived, and reset the connection.
test.each([64, 8 * 1024 * 1024])('a loser that is answered early, with %d bytes, never learns that it won', async (bodyBytes) => {
  const server = createServer((request, response) => {
    response.writeHead(412, { 'content-type': 'application/xml', 'content-length': String(REFUSAL.length) })
    response.write(REFUSAL, () => request.socket.resetAndDestroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const client = newClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  onTestFinished(() => {
    client.destroy()
    server.closeAllConnections()
    server.close()
  })
  const store = new S3Store({ client, bucket: 'bucket' })
  for (let round = 0; round < 5; round++) {
    const created = await outcomeOf(store.create('k', new Uint8Array(bodyBytes)))
    const swapped = await outcomeOf(store.compareAndSwap('k', new Uint8Array(bodyBytes), { etag: 'e' }))
    // Which of the two depends on what the kernel delivers first.
    for (const outcome of [created, swapped]) expect(['conflict', 'unknown']).toContain(outcome)
  }
})
