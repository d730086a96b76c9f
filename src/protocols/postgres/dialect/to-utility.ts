import type * as pg from '@pgsql/types'
import { NO_DETAIL, type Opaque, type Utility } from '../../../sql/query.ts'
import { bodyOf, entryOf, NotRead, typeOf } from './syntax.ts'
import type { Reader } from './to-expression.ts'
import { Found, walkFields } from './walk-utility.ts'
import { KINDS, RUNS, SECRET } from './utility-kinds.ts'
import { STATEMENTS } from './utility-statements.ts'

/** A statement that could not be mapped. */
export const opaqueUtility = (part: Opaque): Utility => ({
  kind: 'utility',
  does: ['unknown'],
  reads: part.reads,
  writes: part.reads,
  makes: [],
  on: undefined,
  expressions: [part],
  statements: [],
  types: [],
  operators: [],
  unknown: [`${part.what} is not read`],
  detail: NO_DETAIL,
})

/** A statement other than a query or a write of rows. Its own mapping reads its special parts, the walk over its row in the table the rest. */
export function toUtility(node: pg.Node, read: Reader): Utility {
  const type = typeOf(node)
  const body = bodyOf(type, node)
  const found = new Found(read)
  const kind = KINDS.get(type)
  const special = entryOf(STATEMENTS, type)
  if (kind === undefined && special === undefined) throw new NotRead(type)
  if (kind !== undefined) found.does.push(kind)
  const reason = RUNS.get(type)
  if (reason !== undefined) found.unknown.push(reason)
  if (SECRET.has(type)) found.detail.secret = true
  special?.(body, found)
  walkFields(type, body, found)
  return found.finish()
}
