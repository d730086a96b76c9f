import type { Session } from '../../../gateway/engine.ts'
import { isEmptyPlan } from '../../../masking/plan.ts'
import { PamError } from '../../../shared/errors.ts'
import { valuesOf, type Header } from '../wire/headers.ts'
import type { HttpCommand } from './read-command.ts'

/**
 * Preconditions by entity tags (RFC 9110, 13.1.1 and 13.1.2). Many services make tags from what a body says: whether one matches would tell whether
 * somebody has guessed what is masked in it, a list of guesses at a time. Tags of masked answers are not given out. `*` asks only whether there is anything.
 */
const asksByTag = (value: string): boolean => value.trim() !== '*'

/** Of a request that reads, which is not passed on: the answer is then complete, as HTTP allows. */
export const tellsByNoMatch = (method: string, [name, value]: Header): boolean =>
  name === 'if-none-match' && READS.test(method) && asksByTag(value)

/** A request that would no longer be conditional could overwrite what somebody else has written: it is refused. */
export function unlessGuessed(command: HttpCommand, { masking }: Pick<Session, 'masking'>): HttpCommand {
  const { head, headers, refusal } = command
  if (refusal !== undefined || isEmptyPlan(masking)) return command
  const names = READS.test(head.method) ? ['if-match'] : ['if-match', 'if-none-match']
  const name = names.find((one) => valuesOf(headers, one).some(asksByTag))
  if (name === undefined) return command
  const said = 'values are masked here, and whether a tag matches could reveal that they were guessed'
  return { ...command, refusal: new PamError('MASKING_REFUSED', said, { hint: `leave out ${name}` }) }
}

const READS = /^(?:GET|HEAD)$/
