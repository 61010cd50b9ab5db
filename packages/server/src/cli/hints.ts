// What to do next, by error code. Only where it is not plain from the message.
const HINT_OF: Readonly<Record<string, string>> = {
  FILE_EXISTS: 'use --force to replace it',
  FILE_NOT_SQLITE: 'use --raw --page-size N to import any other file',
  FILE_WAL: 'close its connections, or run PRAGMA wal_checkpoint(TRUNCATE), then import again',
  FILE_JOURNAL: 'a transaction is under way or was cut off; open and close the database with SQLite, then import again',
  FILE_CHANGED: 'import again when nobody writes to it',
  PAGE_SIZE_DIFFERS: 'a volume keeps its page size; import into a new volume',
  SERVER_NOT_GRAFT: 'something answers at that address, but it is not a graft-ts server for this store',
  NO_ANSWER: 'is the server running, and is the address right?',
  OUTCOME_UNKNOWN: 'run the command again: it finds out what happened and goes on',
  COMMIT_UNDECIDED: 'run the command again: it finds out what happened and goes on',
  PORT_IN_USE: 'choose another --port, or 0 for any free one',
  PORT_DENIED: 'choose a --port above 1023',
  HOST_NOT_LOOPBACK: 'use --allow-remote if other machines may reach it, behind something that adds TLS',
  AUTHORIZATION_NEEDED:
    'give --jwt-issuer, --jwt-audience and --jwt-keys, or --allow-everybody for throw-away data on this machine',
  ACCESS_DENIED: 'give a token with --token-file FILE, or one that is good for this: `graft-ts token --help`',
  TOKEN_IN_CLEAR: 'use an https:// address; or --allow-plain-token, in a network that nobody else can listen to',
  KEY_FILE: 'make a key with: graft-ts key FILE. `serve` takes FILE.pub, and `token` FILE itself',
  TOKEN_FILE: 'make a token with: graft-ts token',
  REF_KEYS_NEEDED: 'pass the same --ref-keys FILE to the meta store and to the page store',
  REF_KEYS_FILE: 'one key a line: NAME BASE64, at least 32 bytes; make one with: echo "k1 $(head -c 32 /dev/urandom | base64)"',
  LOCAL_STORE_LOCKED: 'another process works with this local store; wait for it, or use another --local DIR',
  PUSH_DIVERGED: 'others changed the same pages; keep their state with `graft-ts reset`, then import again',
  TRANSACTION_TOO_LARGE: 'what is imported at once has to fit into memory, and into 1 GiB',
  FRAME_CACHE_FOLDER: 'give a folder with --cache-dir that this user may write to',
  STORE_MISSING: 'is the place right? `serve` and `import` make a folder, other commands do not, and nothing makes a bucket',
  STORE_DENIED:
    'for a bucket, credentials are found as the AWS SDK finds them: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, a role',
  S3_SDK_MISSING: 'install it beside this package: npm install @aws-sdk/client-s3',
  LSN_FUTURE: 'see `graft-ts log` for the commits that exist',
}

/** What to do about an error; `undefined`: its message says all. */
export function hintOf(code: string): string | undefined {
  return HINT_OF[code]
}
