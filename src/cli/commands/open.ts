import { PamError, UsageError } from '../../shared/errors.ts'
import type { ApiClient } from '../../gateway-client/api-client.ts'
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
    .description('print and open the dashboard page of a request, held command, session, grant or target')
    .option('--no-browser', 'do not open a browser')
    .addOption(jsonOption())
    .action(run(openPage))
}

async function openPage(context: CliContext, what: string | undefined, options: OpenOptions): Promise<void> {
  const { io, environment } = context
  const page = pageOf(what)
  const api = await context.client()
  const url = `${api.gateway}${typeof page === 'string' ? page : await page(api)}`
  if (options.json === true) io.json({ url })
  else io.print(url)
  if (options.browser && io.interactive) openBrowser(url, environment)
}

/** A path, or how to get that of a thing which is there for the caller: a link to nothing helps nobody. */
function pageOf(what: string | undefined): string | ((api: ApiClient) => Promise<string>) {
  if (what === undefined) return '/'
  const [, kind] = /^(req|apr|ses|grt|brk|lck)_[0-9a-z]+$/.exec(what) ?? []
  switch (kind) {
    case undefined:
      return async (api) => {
        const { name } = targetNamed(await api.targets(), what)
        return `/access?${new URLSearchParams({ target: name }).toString()}`
      }
    case 'req':
    case 'apr':
      return async (api) => `/reviews/${(await api.reviews.get(what)).id}`
    case 'ses':
      return async (api) => `/sessions/${(await api.sessions.get(what)).id}`
    case 'grt':
      return async (api) => accessPage(api, what)
    default:
      throw new UsageError(
        `${what} is ${kind === 'brk' ? 'an emergency' : 'a lock'}, which has no page of its own in the dashboard`,
        kind === 'brk' ? 'to see it: pamctl breakglass list' : 'to see it: pamctl locks',
      )
  }
}

/** The page of access shows grants as long as they last. Also the beginning of an id names one. */
async function accessPage(api: ApiClient, id: string): Promise<string> {
  const { items } = await api.grants.list({ active: true, limit: 500 })
  if (items.some((grant) => grant.id.startsWith(id))) return '/access'
  throw new PamError('NOT_FOUND', `${id} is not an active grant of yours, and the dashboard has no page of others`, {
    hint: 'to list yours, also those that have ended: pamctl grants; to list all as an auditor or operator: pamctl grants --all',
  })
}
