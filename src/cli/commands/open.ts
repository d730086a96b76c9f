import { UsageError } from '../../shared/errors.ts'
import { jsonOption, type AddCommand } from '../command.ts'
import type { CliContext } from '../context.ts'
import { openBrowser } from '../open-browser.ts'
import { targetNamed } from '../target-named.ts'

interface OpenOptions {
  readonly browser: boolean
  readonly json?: boolean
}

/** `pamctl open [ID|TARGET]`: the dashboard's page of it. */
export const open: AddCommand = (program, run) => {
  program
    .command('open [id-or-target]')
    .description('print and open the dashboard page of a request, approval, session or target')
    .option('--no-browser', 'do not open a browser')
    .addOption(jsonOption())
    .action(run(openPage))
}

async function openPage(context: CliContext, what: string | undefined, options: OpenOptions): Promise<void> {
  const { io, environment } = context
  const path = pageOf(what)
  const api = await context.client()
  if (path === undefined && what !== undefined) targetNamed(await api.targets(), what)
  const url = `${api.gateway}${path ?? `/access?${new URLSearchParams({ target: what ?? '' }).toString()}`}`
  if (options.json === true) io.json({ url })
  else io.print(url)
  if (options.browser && io.interactive) openBrowser(url, environment)
}

/** By the kind of id; undefined for what is the name of a target. */
function pageOf(what: string | undefined): string | undefined {
  if (what === undefined) return '/'
  const [, kind] = /^(req|apr|ses|grt|brk|lck)_[0-9a-z]+$/.exec(what) ?? []
  switch (kind) {
    case undefined:
      return undefined
    case 'req':
    case 'apr':
      return `/reviews/${what}`
    case 'ses':
      return `/sessions/${what}`
    case 'grt':
      return '/access'
    default:
      throw new UsageError(
        `${what} is ${kind === 'brk' ? 'an emergency' : 'a lock'}, which has no page of its own in the dashboard`,
        kind === 'brk' ? 'to see it: pamctl breakglass list' : 'to see it: pamctl locks',
      )
  }
}
