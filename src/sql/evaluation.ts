import type { Expression } from './query.ts'

/**
 * Parts that are evaluated or left out by what others give. Where one of those that may be left out fails, waits or leaves a
 * trace, it tells what the deciding ones were. That this is one list is the point: whatever stops early is here.
 */
export interface Skips {
  readonly decides: readonly Expression[]
  readonly skipped: readonly Expression[]
  /** For people: what stops early. */
  readonly place: string
}

export function skipsOf(node: Expression): Skips | undefined {
  switch (node.kind) {
    // In any order: the planner may turn the operands around.
    case 'logic':
      return node.how === 'not' ? undefined : all(node.args, 'AND or OR')
    case 'coalesce':
      return all(node.args, 'COALESCE')
    case 'case': {
      const whens = node.branches.map(({ when }) => when)
      const operand = node.operand === undefined ? [] : [node.operand]
      const otherwise = node.otherwise === undefined ? [] : [node.otherwise]
      return {
        decides: [...operand, ...whens],
        skipped: [...whens, ...node.branches.map(({ gives }) => gives), ...otherwise],
        place: 'CASE',
      }
    }
    case 'operation':
      // A list becomes comparisons joined by OR, BETWEEN two joined by AND, rows are compared column by column.
      if (node.form === 'in') return all(node.args, 'IN')
      if (node.form === 'between') return all(node.args, 'BETWEEN')
      return node.args.some(({ kind }) => kind === 'row') ? all(node.args, 'a comparison of rows') : undefined
    case 'call':
    case 'built': {
      if (node.filter === undefined) return undefined
      // What the aggregate makes of the rows that pass may fail as well.
      const aggregate = { ...node, filter: undefined }
      return { decides: [node.filter], skipped: [aggregate], place: 'FILTER' }
    }
    // All of their parts are evaluated, in whatever order; what a subquery leaves out is its reader's question.
    case 'column':
    case 'constant':
    case 'parameter':
    case 'system-value':
    case 'variable':
    case 'assign':
    case 'test':
    case 'extreme':
    case 'subquery':
    case 'cast':
    case 'collate':
    case 'row':
    case 'array':
    case 'field':
    case 'grouping-set':
    case 'current-of':
    case 'default':
    case 'opaque':
      return undefined
  }
}

const all = (args: readonly Expression[], place: string): Skips => ({ decides: args, skipped: args, place })
