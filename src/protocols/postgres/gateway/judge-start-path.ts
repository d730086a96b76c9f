import type { CommandDraft, Session } from '../../../gateway/engine.ts'
import { PamError } from '../../../shared/errors.ts'
import type { ParsedStatement } from '../../../sql/facts/parsed-statement.ts'
import type { SqlParser } from '../dialect/sql-parser.ts'
import type { PostgresTarget } from '../target.ts'
import { assumedFacts } from './assumed-facts.ts'

/** A search path at start-up needs what `SET search_path` needs. Throws if the rules do not allow that. */
export async function judgeStartPath(path: string, session: Session<PostgresTarget>, parser: SqlParser): Promise<void> {
  const text = `SET search_path TO ${path}`
  const parsed = await parser.parse(text)
  const [statement, ...more] = 'failure' in parsed ? [] : parsed
  if (statement === undefined || more.length > 0 || !isSetOfPath(statement))
    throw new PamError('STARTUP_REFUSED', 'the start-up setting search_path is not a list of schemas', {
      hint: 'write it as in SET search_path TO "a", b',
    })
  const { statements, refusal } = assumedFacts([statement])
  const draft: CommandDraft = {
    text,
    parameters: [],
    facts: { type: 'sql', statements },
    recorded: { text, parameters: [] },
    comparisons: [],
    notes: () => ['at start-up'],
    estimate: () => Promise.resolve(undefined),
    refusal,
    context: { objects: '' },
    inTransaction: false,
    again: () => Promise.resolve(draft),
  }
  const decision = session.decide(draft)
  if (decision.type === 'refuse') throw decision.error
  if (decision.type === 'forward') return
  decision.withdraw()
  await decision.verdict
  throw new PamError('STARTUP_REFUSED', 'SET search_path needs approval, which is not possible at start-up', {
    hint: 'use SET after connecting',
  })
}

const isSetOfPath = ({ kinds, settings }: ParsedStatement): boolean =>
  kinds.length === 1 && kinds[0] === 'set' && settings.length === 1 && settings[0]?.name === 'search_path'
