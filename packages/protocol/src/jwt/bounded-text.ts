/** Reads a body as UTF-8, and gives up on one that is longer than that: a length in a header may be missing or wrong. */
export async function boundedText(response: Response, bytesMax: number): Promise<string> {
  const reader = response.body?.getReader()
  if (reader === undefined) return ''
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return text + decoder.decode()
    bytes += value.byteLength
    if (bytes > bytesMax) {
      await reader.cancel()
      throw new Error(`the answer is longer than ${bytesMax} bytes`)
    }
    text += decoder.decode(value, { stream: true })
  }
}
