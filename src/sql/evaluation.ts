import type { Expression } from './query.ts'

/**
 * Parts that are evaluated or skipped depending on the values of others. Where a part that may be skipped fails, waits or leaves a trace,
 * it reveals the deciding values. Every construct that stops early is in this one list.
 */
export interface Skips {
  readonly decides: readonly Expression[]
  readonly skipped: readonly Expression[]
  /** For people: the construct that stops early. */
  readonly place: string
}

export function skipsOf(node: Expression): Skips | undefined {
  switch (node.kind) {
    // In any order: the planner may swap the operands.
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
      // The aggregate itself may fail on the rows that pass.
      const aggregate = { ...node, filter: undefined }
      return { decides: [node.filter], skipped: [aggregate], place: 'FILTER' }
    }
    // All of their parts are evaluated, in any order; what a subquery skips is its reader's question.
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
