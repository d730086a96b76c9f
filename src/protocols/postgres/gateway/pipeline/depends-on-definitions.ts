import type { Session } from '../../../../gateway/engine.ts'
import { isEmptyPlan } from '../../../../masking/plan.ts'
import type { PostgresTarget } from '../../target.ts'
import { readingOf } from '../server-reading/reading-of.ts'

type Judged = Pick<Session<PostgresTarget>, 'config' | 'decidesByText' | 'masking' | 'readOnly'>

/**
 * Sessions with masking, read-only sessions, and those that compare readings with the target need current definitions, whatever the rules.
 */
export const needsDefinitions = (session: Omit<Judged, 'decidesByText'>): boolean =>
  session.readOnly || !isEmptyPlan(session.masking) || readingOf(session) === 'agreed'

/** Whether decisions in a session may depend on definitions: for these reasons, or because rules depend on more than the text. */
export const dependsOnDefinitions = (session: Judged): boolean => needsDefinitions(session) || !session.decidesByText()
