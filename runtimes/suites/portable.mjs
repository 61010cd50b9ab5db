// The suites that need a server and nothing else, by name. Workers run these too.
import { testClient } from './client.mjs'
import { testMetastore } from './metastore.mjs'
import { testPagestore } from './pagestore.mjs'

/** Functions `(server, runner)`. */
export const portableSuites = { metastore: testMetastore, pagestore: testPagestore, client: testClient }

/** Their names. */
export const SUITES = Object.keys(portableSuites)
