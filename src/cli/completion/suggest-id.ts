import { Command } from 'commander'
import { PamError } from '../../shared/errors.ts'
import { nearestWord } from '../../shared/nearest-word.ts'
import { visible } from '../../shared/visible.ts'
import { known } from './candidates.ts'
import { kindOf, type Kind } from './read-line.ts'
import type { CliContext } from '../context.ts'

/**
 * What a verb failed with. Where the gateway knows nothing by the id that was `given`, the error names the one that was probably meant,
 * of those that completion would offer: what the caller may see, and what the verb is for.
 */
export async function withNearestId(error: unknown, context: CliContext, given: readonly unknown[]): Promise<unknown> {
  const command = given.at(-1)
  if (!(error instanceof PamError) || error.code !== 'NOT_FOUND' || !(command instanceof Command)) return error
  for (const [at, argument] of command.registeredArguments.entries()) {
    const [asked, kind] = [given[at], kindOf(command, argument)]
    if (typeof asked !== 'string' || kind === undefined || kind === 'targets') continue
    if (!error.message.startsWith(`nothing with the id ${asked} `)) continue
    const meant = nearestId(
      asked,
      (await known(context, kind)).map(({ value }) => value),
    )
    const { message, hint = `to list them: ${LISTS[kind]}` } = error
    const said = meant === undefined ? message : visible(`${message}; did you mean ${meant}?`)
    return new PamError('NOT_FOUND', said, { cause: error, hint })
  }
  return error
}

/** The command that lists what is visible to the caller. */
const LISTS: Readonly<Record<Exclude<Kind, 'targets'>, string>> = {
  requests: 'pamctl requests',
  reviews: 'pamctl reviews',
  sessions: 'pamctl sessions',
  grants: 'pamctl grants',
  locks: 'pamctl locks',
  emergencies: 'pamctl breakglass list',
}

/** The only id that begins so, or the nearest one by edits. */
export function nearestId(asked: string, ids: readonly string[]): string | undefined {
  const begun = /^[a-z]+_[0-9a-z]{2}/.test(asked) ? ids.filter((id) => id.startsWith(asked)) : []
  return begun.length === 1 ? begun[0] : nearestWord(asked, ids)
}
