import type { Session } from '../../../../gateway/engine.ts'
import { isEmptyPlan } from '../../../../masking/plan.ts'
import type { PostgresTarget } from '../../target.ts'
import { readingOf } from '../server-reading/reading-of.ts'

type Judged = Pick<Session<PostgresTarget>, 'config' | 'decidesByText' | 'masking' | 'readOnly'>

/** What is masked, read-only, or held against the target's reading needs the definitions of now, whatever rules say of commands. */
export const needsDefinitions = (session: Omit<Judged, 'decidesByText'>): boolean =>
  session.readOnly || !isEmptyPlan(session.masking) || readingOf(session) === 'agreed'

/** Whether what is decided in a session may depend on definitions: that, or rules that look at more than the text. */
export const restsOnDefinitions = (session: Judged): boolean => needsDefinitions(session) || !session.decidesByText()
