import type { CampaignResult } from './campaign.ts'
import { checksIn, faultGroups, faultsIn, operationsIn } from './coverage.ts'

const BEGIN = '<!-- faults: written by npm run sim -- --write -->'
const END = '<!-- faults end -->'

/** What a run survived, as a paragraph and a table in Markdown: kinds of faults, and how often there were which. */
export function faultTable({ seeds, tally, virtualMs, failures }: CampaignResult, command: string, date: string): string {
  const number = (value: number): string => value.toLocaleString('en-GB')
  const rows = faultGroups(tally).map(({ group, total, classes }) => {
    const list = classes.map(([name, count]) => `${name} ${number(count)}`).join('; ')
    return `| ${group} | ${number(total)} | ${list} |`
  })
  const work = `${number(seeds)} seeds, ${number(operationsIn(tally))} operations of clients, ${number(faultsIn(tally))} faults`
  const outcome = `${number(checksIn(tally))} checks in ${number(Math.round(virtualMs / 3_600_000))} hours of virtual time`
  return [
    `${work}, ${outcome}: ${failures.length === 0 ? 'zero' : number(failures.length)} violations. \`${command}\`, ${date}.`,
    '',
    '| where | faults | which |',
    '|---|---|---|',
    ...rows,
  ].join('\n')
}

/**
 * Puts a table into a document, in place of the last one.
 *
 * @throws RangeError if the document has no place for it.
 */
export function withFaultTable(document: string, table: string): string {
  const [from, to] = [document.indexOf(BEGIN), document.indexOf(END)]
  if (from < 0 || to < from) throw new RangeError(`no place for the table: ${BEGIN} … ${END}`)
  return `${document.slice(0, from + BEGIN.length)}\n${table}\n${document.slice(to)}`
}
