import type { StoreCounts } from './metered.ts'

/** Which of a provider's prices a call is charged at. `A`: what writes and lists. `B`: what reads. */
export type PriceClass = 'A' | 'B' | 'free'

type PricedCall = Exclude<keyof StoreCounts, 'bytesRead' | 'bytesWritten'>

/** What a provider charges for requests and traffic; storage itself is not part of it. */
export interface StorePrices {
  /** Provider, storage class and region. */
  readonly name: string
  /** The day the prices were looked up, `2025-07-01`: they change, so a bill may differ. */
  readonly asOf: string
  /** ISO 4217: `USD`. */
  readonly currency: string
  /** How the provider calls the two classes of requests. */
  readonly classNames: { readonly A: string; readonly B: string }
  /** Price of a million requests of each class. */
  readonly perMillion: { readonly A: number; readonly B: number }
  /** The class of each call. `deleteMany` counts once for a call, as the providers that do not charge for it do. */
  readonly classOf: Readonly<Record<PricedCall, PriceClass>>
  /** Price of 10^9 bytes read, on their way to the internet; often nothing within the provider's region. */
  readonly perGigabyteRead: number
  /** Price of 10^9 bytes written. */
  readonly perGigabyteWritten: number
}

/** An estimate in the currency of the prices. */
export interface StoreCost {
  readonly currency: string
  /** Requests of class A. */
  readonly classA: number
  /** Requests of class B. */
  readonly classB: number
  readonly traffic: number
  readonly total: number
}

// All providers below charge alike: a write or a listing is A, a read B, and deletions are free.
const USUAL_CLASSES: StorePrices['classOf'] = {
  get: 'B',
  head: 'B',
  put: 'A',
  create: 'A',
  compareAndSwap: 'A',
  list: 'A',
  delete: 'free',
  deleteMany: 'free',
}

/** Amazon S3 Standard in us-east-1, read over the internet (the first 10 TB of a month). */
export const AWS_S3_STANDARD: StorePrices = {
  name: 'Amazon S3 Standard, us-east-1',
  asOf: '2025-07-01',
  currency: 'USD',
  classNames: { A: 'PUT, COPY, POST, LIST requests', B: 'GET, SELECT, and all other requests' },
  perMillion: { A: 5, B: 0.4 },
  classOf: USUAL_CLASSES,
  perGigabyteRead: 0.09,
  perGigabyteWritten: 0,
}

/**
 * Amazon S3 Express One Zone in us-east-1, read within the zone: the traffic is what it charges for upload and retrieval.
 */
export const AWS_S3_EXPRESS_ONE_ZONE: StorePrices = {
  name: 'Amazon S3 Express One Zone, us-east-1',
  asOf: '2025-07-01',
  currency: 'USD',
  classNames: { A: 'PUT, COPY, POST, LIST requests', B: 'GET, SELECT, and all other requests' },
  perMillion: { A: 1.13, B: 0.03 },
  classOf: USUAL_CLASSES,
  perGigabyteRead: 0.0006,
  perGigabyteWritten: 0.0032,
}

/** Cloudflare R2 Standard, beyond the monthly free tier. Traffic is free. */
export const CLOUDFLARE_R2_STANDARD: StorePrices = {
  name: 'Cloudflare R2 Standard',
  asOf: '2025-07-01',
  currency: 'USD',
  classNames: { A: 'Class A operations', B: 'Class B operations' },
  perMillion: { A: 4.5, B: 0.36 },
  classOf: USUAL_CLASSES,
  perGigabyteRead: 0,
  perGigabyteWritten: 0,
}

/** Google Cloud Storage Standard in one region, read over the internet by its premium tier (the first TB of a month). */
export const GOOGLE_CLOUD_STORAGE_STANDARD: StorePrices = {
  name: 'Google Cloud Storage Standard, us-east1',
  asOf: '2025-07-01',
  currency: 'USD',
  classNames: { A: 'Class A operations', B: 'Class B operations' },
  perMillion: { A: 5, B: 0.4 },
  classOf: USUAL_CLASSES,
  perGigabyteRead: 0.12,
  perGigabyteWritten: 0,
}

/**
 * Estimates what the counted calls cost, at list price.
 *
 * What the meter does not see is not in it: requests that a client below repeats, the parts of a multipart upload, and
 * storage. Put the meter right above the adapter to come close. To price a stretch of time, subtract two counts.
 */
export function estimateCost(counts: StoreCounts, prices: StorePrices): StoreCost {
  const requests = { A: 0, B: 0, free: 0 }
  for (const [call, priceClass] of Object.entries(prices.classOf)) requests[priceClass] += counts[call as PricedCall]
  const classA = (requests.A / 1e6) * prices.perMillion.A
  const classB = (requests.B / 1e6) * prices.perMillion.B
  const traffic = (counts.bytesRead / 1e9) * prices.perGigabyteRead + (counts.bytesWritten / 1e9) * prices.perGigabyteWritten
  return { currency: prices.currency, classA, classB, traffic, total: classA + classB + traffic }
}
