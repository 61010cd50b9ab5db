import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { compareKeys } from '../../src/keys.ts'

/** One request that the double got. */
export interface DoubleRequest {
  readonly method: string
  /** Empty for requests about the bucket. */
  readonly key: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

/** What goes wrong with one request. */
export interface Fault {
  /** Lets the request have its effect first. */
  readonly isDone?: boolean
  /** Cuts the connection instead of answering. */
  readonly isCut?: boolean
  /** Never answers. */
  readonly isSilent?: boolean
  /** Answers with this error. */
  readonly error?: { readonly status: number; readonly code?: string; readonly headers?: Record<string, string> }
  /** Changes the answer. */
  readonly change?: (answer: Answer) => Answer
}

/** An answer before it is sent. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
  /** Sends so much of the body and cuts the connection. */
  readonly cutAt?: number
}

interface Held {
  readonly bytes: Buffer
  readonly etag: string
}

/**
 * A small S3 server for tests, in this process: one bucket in memory, PUT with conditions, GET with ranges, HEAD, DELETE,
 * multi-delete and ListObjectsV2. Conditions are checked in the same step as the write, so races have one winner.
 * Signatures are not checked.
 */
export class S3Double {
  readonly objects = new Map<string, Held>()
  /** Parts of uploads that are neither completed nor removed. */
  readonly uploads = new Map<string, Map<number, Held>>()
  /** All requests, oldest first. */
  readonly requests: DoubleRequest[] = []
  /** Asked at each request; says what goes wrong with it, if anything. */
  fault: (request: DoubleRequest) => Fault | undefined = () => undefined
  /** Whether etags are sent without quotes and wanted so, as Ceph 16 does. */
  hasBareEtags = false
  /** Whether a listing that starts after a key inside a folder ends with that folder, and calls itself complete, as with MinIO. */
  isLostAfterFolders = false
  readonly bucket: string
  readonly #server: Server

  private constructor(bucket: string) {
    this.bucket = bucket
    this.#server = createServer((request, response) => void this.#serve(request, response))
  }

  static async start(bucket = 'bucket'): Promise<S3Double> {
    const double = new S3Double(bucket)
    await new Promise<void>((resolve) => double.#server.listen(0, '127.0.0.1', resolve))
    return double
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Fails the next request that matches, and only that. */
  failNext(method: string, fault: Fault): void {
    let isUsed = false
    this.fault = (request) => {
      if (isUsed || request.method !== method) return undefined
      isUsed = true
      return fault
    }
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    try {
      for await (const chunk of incoming) chunks.push(chunk as Buffer)
    } catch {
      // The client went away.
      return
    }
    const url = new URL(incoming.url ?? '/', 'http://double')
    const [, bucket = '', ...rest] = url.pathname.split('/')
    const request: DoubleRequest = {
      method: incoming.method ?? '',
      key: rest.map(decodeURIComponent).join('/'),
      query: url.searchParams,
      headers: incoming.headers,
      body: Buffer.concat(chunks),
    }
    this.requests.push(request)
    const fault = this.fault(request)
    if (fault?.isSilent === true) return
    const isAnswered = fault === undefined || fault.isDone === true || fault.change !== undefined
    let answer = isAnswered ? this.#answer(bucket, request) : errorAnswer(500, 'InternalError')
    if (fault?.error !== undefined) answer = errorAnswer(fault.error.status, fault.error.code, fault.error.headers)
    if (fault?.change !== undefined) answer = fault.change(answer)
    if (fault?.isCut === true) incoming.socket.destroy()
    else sendAnswer(response, answer, request.method)
  }

  #answer(bucket: string, request: DoubleRequest): Answer {
    if (bucket !== this.bucket) return errorAnswer(404, 'NoSuchBucket')
    const { method, key, query } = request
    if (key === '') {
      if (method === 'HEAD') return { status: 200, headers: {}, body: Buffer.alloc(0) }
      if (method === 'GET' && query.get('list-type') === '2') return this.#list(query)
      if (method === 'POST' && query.has('delete')) return this.#deleteMany(request.body.toString())
      return errorAnswer(501, 'NotImplemented')
    }
    if (query.has('uploads') || query.has('uploadId')) return this.#upload(request)
    if (method === 'GET' || method === 'HEAD') return this.#read(request)
    if (method === 'PUT') return this.#put(request)
    if (method === 'DELETE') return this.#delete(request)
    return errorAnswer(405, 'MethodNotAllowed')
  }

  #read({ key, headers }: DoubleRequest): Answer {
    const held = this.objects.get(key)
    if (held === undefined) return errorAnswer(404, 'NoSuchKey')
    const { bytes } = held
    const common = { etag: this.#shown(held.etag), 'content-type': 'application/octet-stream' }
    if (headers.range === undefined) return { status: 200, headers: common, body: bytes }
    const [, first = '', last = ''] = /^bytes=(\d+)-(\d*)$/.exec(headers.range) ?? []
    const start = Number(first)
    if (start >= bytes.length) return errorAnswer(416, 'InvalidRange', { 'content-range': `bytes */${bytes.length}` })
    const end = Math.min(bytes.length, last === '' ? bytes.length : Number(last) + 1)
    const contentRange = `bytes ${start}-${end - 1}/${bytes.length}`
    return { status: 206, headers: { ...common, 'content-range': contentRange }, body: bytes.subarray(start, end) }
  }

  #put({ key, headers, body }: DoubleRequest): Answer {
    const held = this.objects.get(key)
    const refusal = this.#refusal(headers, held)
    if (refusal !== undefined) return refusal
    const etag = createHash('md5').update(body).digest('hex')
    this.objects.set(key, { bytes: body, etag })
    return { status: 200, headers: { etag: this.#shown(etag) }, body: Buffer.alloc(0) }
  }

  #uploadsBegun = 0

  /** Uploads whose parts come with a checksum. */
  readonly #announced = new Set<string>()

  #upload({ method, key, query, headers, body }: DoubleRequest): Answer {
    if (query.has('uploads')) {
      const id = `upload-${++this.#uploadsBegun}`
      if (headers['x-amz-checksum-algorithm'] !== undefined) this.#announced.add(id)
      this.uploads.set(id, new Map())
      return xmlAnswer(200, `<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`)
    }
    const id = query.get('uploadId') ?? ''
    const parts = this.uploads.get(id)
    if (parts === undefined) return errorAnswer(404, 'NoSuchUpload')
    if (method === 'PUT') {
      // As versitygw and AWS do.
      if (this.#announced.has(id) !== 'x-amz-checksum-crc32' in headers) return errorAnswer(400, 'InvalidPart')
      const etag = createHash('md5').update(body).digest('hex')
      parts.set(Number(query.get('partNumber')), { bytes: body, etag })
      return { status: 200, headers: { etag: this.#shown(etag) }, body: Buffer.alloc(0) }
    }
    this.uploads.delete(id)
    if (method === 'DELETE') return { status: 204, headers: {}, body: Buffer.alloc(0) }
    const named = [...body.toString().matchAll(/<PartNumber>(\d+)<\/PartNumber>/g)].map(([, number]) => Number(number))
    if (named.some((number) => !parts.has(number))) return errorAnswer(400, 'InvalidPart')
    const bytes = Buffer.concat(named.map((number) => (parts.get(number) as Held).bytes))
    const hash = createHash('md5')
    for (const number of named) hash.update(Buffer.from((parts.get(number) as Held).etag, 'hex'))
    const etag = `${hash.digest('hex')}-${named.length}`
    this.objects.set(key, { bytes, etag })
    const shown = escapeXml(this.#shown(etag))
    return xmlAnswer(200, `<CompleteMultipartUploadResult><ETag>${shown}</ETag></CompleteMultipartUploadResult>`)
  }

  #delete({ key, headers }: DoubleRequest): Answer {
    const held = this.objects.get(key)
    const refusal = this.#refusal(headers, held)
    if (refusal !== undefined) return refusal
    this.objects.delete(key)
    return { status: 204, headers: {}, body: Buffer.alloc(0) }
  }

  #refusal(headers: IncomingMessage['headers'], held: Held | undefined): Answer | undefined {
    if (headers['if-none-match'] === '*' && held !== undefined) return errorAnswer(412, 'PreconditionFailed')
    const wanted = headers['if-match']
    if (wanted === undefined) return undefined
    if (held === undefined) return errorAnswer(404, 'NoSuchKey')
    return wanted === this.#shown(held.etag) ? undefined : errorAnswer(412, 'PreconditionFailed')
  }

  #deleteMany(xml: string): Answer {
    const keys = [...xml.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key = '']) => unescapeXml(key))
    if (keys.length > 1000) return errorAnswer(400, 'MalformedXML')
    for (const key of keys) this.objects.delete(key)
    return xmlAnswer(200, '<DeleteResult></DeleteResult>')
  }

  #list(query: URLSearchParams): Answer {
    const prefix = query.get('prefix') ?? ''
    const token = query.get('continuation-token')
    const startAfter = query.get('start-after') ?? ''
    const after = token === null ? startAfter : Buffer.from(token, 'base64url').toString()
    const within = token === null && this.isLostAfterFolders ? startAfter.slice(0, startAfter.lastIndexOf('/') + 1) : ''
    const most = Math.min(1000, Number(query.get('max-keys') ?? 1000))
    const keys = [...this.objects.keys()]
      .filter((key) => key.startsWith(prefix) && key.startsWith(within) && compareKeys(key, after) > 0)
      .sort(compareKeys)
    const page = keys.slice(0, most)
    const isTruncated = keys.length > page.length
    const contents = page.map((key) => {
      const { bytes, etag } = this.objects.get(key) as Held
      const shown = escapeXml(this.#shown(etag))
      return `<Contents><Key>${escapeXml(key)}</Key><ETag>${shown}</ETag><Size>${bytes.length}</Size></Contents>`
    })
    const nextToken = Buffer.from(page.at(-1) ?? '').toString('base64url')
    const next = isTruncated ? `<NextContinuationToken>${nextToken}</NextContinuationToken>` : ''
    const rest = `<IsTruncated>${isTruncated}</IsTruncated>${next}<KeyCount>${page.length}</KeyCount>`
    return xmlAnswer(200, `<ListBucketResult>${contents.join('')}${rest}</ListBucketResult>`)
  }

  #shown(etag: string): string {
    return this.hasBareEtags ? etag : `"${etag}"`
  }
}

function errorAnswer(status: number, code?: string, headers: Record<string, string> = {}): Answer {
  const answer =
    code === undefined ? undefined : xmlAnswer(status, `<Error><Code>${code}</Code><Message>made up</Message></Error>`)
  return { status, headers: { ...answer?.headers, ...headers }, body: answer?.body ?? Buffer.alloc(0) }
}

function xmlAnswer(status: number, xml: string): Answer {
  return {
    status,
    headers: { 'content-type': 'application/xml' },
    body: Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>${xml}`),
  }
}

function sendAnswer(response: ServerResponse, answer: Answer, method: string): void {
  const { status, headers, body, cutAt } = answer
  const hasBody = method !== 'HEAD' && status !== 204
  response.writeHead(status, status === 204 ? headers : { 'content-length': String(body.length), ...headers })
  if (cutAt !== undefined) response.write(body.subarray(0, cutAt), () => response.destroy())
  else response.end(hasBody ? body : undefined)
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
}

function unescapeXml(text: string): string {
  const named: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (whole, hex, decimal, name) => {
    if (name !== undefined) return named[name as string] ?? whole
    return String.fromCodePoint(hex !== undefined ? Number.parseInt(hex, 16) : Number(decimal))
  })
}
