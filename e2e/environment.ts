/** A program that a suite needs: where it is, or why it is not here. */
export type Need = { readonly isHere: true; readonly program: string } | { readonly isHere: false; readonly reason: string }

/** What `run.ts` prepares for the suites. */
export interface Environment {
  /** For the data of servers; removed when all is over. */
  readonly folder: string
  /** What the load of the fault runs follows from. */
  readonly seed: number
  readonly versitygw: Need
  readonly ceph: Need
  /** Absent if nobody asked for it. */
  readonly minio?: Need
}

const VARIABLE = 'GRAFT_TS_E2E'

/** Puts it into the environment of a child process. */
export function environmentVariables(environment: Environment): NodeJS.ProcessEnv {
  return { ...process.env, [VARIABLE]: JSON.stringify(environment) }
}

/** Reads what the parent prepared. */
export function readEnvironment(): Environment {
  const text = process.env[VARIABLE]
  if (text === undefined) throw new Error('these tests need servers: start them with `npm run e2e`')
  return JSON.parse(text) as Environment
}
