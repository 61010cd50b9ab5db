import type { Command } from '@commander-js/extra-typings'
import type { Action } from '@graft-ts/protocol'
import { type Grant, signToken } from '@graft-ts/protocol/jwt'
import { parseVolumeId } from '@graft-ts/volume'
import { writeTargetFile } from '../../files/target-file.ts'
import { examples, type MakeContext } from '../command-options.ts'
import { CliError } from '../errors.ts'
import type { CliContext } from '../io.ts'
import { readPrivateKey } from '../key-files.ts'
import { parseDuration } from '../numbers.ts'
import { factsText, printResult, timeText } from '../output.ts'

interface TokenOptions {
  readonly key: string
  readonly issuer: string
  readonly audience: string
  readonly subject: string
  readonly actions: string
  readonly volume?: string[] | undefined
  readonly allVolumes?: boolean | undefined
  readonly ttl: string
  readonly out?: string | undefined
  readonly force?: boolean | undefined
  readonly print?: boolean | undefined
}

const ACTIONS: readonly string[] = ['read', 'write', 'create', 'admin'] satisfies Action[]
/** For the owner only. */
const SECRET_MODE = 0o600

/** Adds `graft-ts token`. */
export function addToken(program: Command, makeContext: MakeContext): void {
  program
    .command('token')
    .summary('make a token')
    .description(
      'Makes a token that a server which was started with the public half of the key takes. It goes to a file that only its ' +
        'owner can read, or is printed if that is asked for.',
    )
    .requiredOption('--key <file>', 'the secret that `graft-ts key` made')
    .requiredOption('--issuer <name>', 'as in serve --jwt-issuer')
    .requiredOption('--audience <name>', 'as in serve --jwt-audience')
    .requiredOption('--subject <name>', 'who the token is for; the same each time it is renewed')
    .requiredOption('--actions <list>', `what it allows: ${ACTIONS.join(', ')}`)
    .option('--volume <id...>', 'the volumes that it is good for')
    .option('--all-volumes', 'good for all volumes, also those that come later')
    .option('--ttl <time>', 'how long it is good for: a number and s, m, h or d', '1h')
    .option('--out <file>', 'where the token goes')
    .option('--force', 'replace that file')
    .option('--print', 'print the token')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      examples(
        'token --key ./signing --issuer ops --audience graft --subject me --actions read,write,create --all-volumes --out ./token',
        'token --key ./signing --issuer ops --audience graft --subject backup --actions read --volume GonzB7nf68fykBwth1HGxP --ttl 10m --print',
      ),
    )
    .action((options) => makeToken(makeContext(options.json === true), options))
}

async function makeToken(context: CliContext, options: TokenOptions): Promise<void> {
  const { issuer, audience, subject, out, print, force } = options
  if ((out === undefined) === (print !== true)) throw new CliError('USAGE', 'where to? give either --out FILE or --print')
  const lifetimeMs = parseDuration(options.ttl, '--ttl')
  const grants = [{ actions: parseActions(options.actions), volumes: parseVolumes(options) }]
  const { nowMs } = context.io
  const expires = timeText(nowMs() + lifetimeMs)
  const token = await signToken(await readPrivateKey(options.key), { issuer, subject, audience, grants, lifetimeMs }, { nowMs })
  if (out === undefined) {
    printResult(context, { token, subject, expires }, (result) => result.token)
    return
  }
  const bytes = new TextEncoder().encode(`${token}\n`)
  await writeTargetFile(out, { isForced: force === true, mode: SECRET_MODE }, (append) => append(bytes))
  printResult(context, { file: out, subject, expires }, factsText)
}

function parseActions(list: string): Action[] {
  const actions = list.split(',').map((action) => action.trim())
  const unknown = actions.find((action) => !ACTIONS.includes(action))
  if (unknown === undefined) return actions as Action[]
  throw new CliError('USAGE', `--actions takes ${ACTIONS.join(', ')}, got=${unknown}`)
}

function parseVolumes({ volume, allVolumes }: TokenOptions): Grant['volumes'] {
  if ((volume === undefined) === (allVolumes !== true)) {
    throw new CliError('USAGE', 'for which volumes? give either --volume ID or --all-volumes')
  }
  return volume === undefined ? '*' : volume.map(parseVolumeId)
}
