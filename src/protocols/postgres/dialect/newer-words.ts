import type { NewerWord } from '../../../sql/facts/parsed-statement.ts'
import { fieldOf } from './tree-fields.ts'

/**
 * Keywords of a statement that older servers read as names of user-defined functions or columns. Such a server accepts the text where it
 * has no special syntax (`json_scalar(x)`), and runs something else.
 */
export function newerWords(node: unknown): NewerWord[] {
  const found = new Map<string, NewerWord>()
  const visit = (value: unknown): void => {
    if (value === null || typeof value !== 'object') return
    for (const [key, content] of Object.entries(value)) {
      const newer = NODES[key]
      const isMeant = key !== 'SQLValueFunction' || fieldOf(content, 'op') === 'SVFOP_SYSTEM_USER'
      if (newer !== undefined && isMeant) found.set(newer.word, newer)
      visit(content)
    }
  }
  visit(node)
  return [...found.values()]
}

/** Whether a text may contain such words; most do not. A keyword cannot be written with escapes. */
export const mayHaveNewerWords = (sql: string): boolean => /json|merge_action|system_user/i.test(sql)

/** By node of the grammar. Source: kwlist.h and gram.y of PostgreSQL 14 to 18. */
const NODES: Readonly<Record<string, NewerWord>> = {
  SQLValueFunction: { word: 'system_user', since: 16 },
  JsonObjectConstructor: { word: 'json_object', since: 16 },
  JsonArrayConstructor: { word: 'json_array', since: 16 },
  JsonArrayQueryConstructor: { word: 'json_array', since: 16 },
  JsonObjectAgg: { word: 'json_objectagg', since: 16 },
  JsonArrayAgg: { word: 'json_arrayagg', since: 16 },
  JsonParseExpr: { word: 'json', since: 17 },
  JsonScalarExpr: { word: 'json_scalar', since: 17 },
  JsonSerializeExpr: { word: 'json_serialize', since: 17 },
  JsonFuncExpr: { word: 'json_value', since: 17 },
  JsonTable: { word: 'json_table', since: 17 },
  MergeSupportFunc: { word: 'merge_action', since: 17 },
}
