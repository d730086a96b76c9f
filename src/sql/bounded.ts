import type { Expression } from './query.ts'

/** What a dialect knows of the size of values. */
export interface Bounds {
  /** Functions whose results are hardly longer than their arguments. */
  readonly shrinks: ReadonlySet<string>
  /** Rows and arrays are values, as long as their elements together. */
  readonly hasCollections: boolean
}

/** Whether a value is not much longer than what is stored or sent. */
export function isBounded(node: Expression, bounds: Bounds): boolean {
  const areBounded = (args: readonly Expression[]): boolean => args.every((arg) => isBounded(arg, bounds))
  switch (node.kind) {
    case 'column':
    case 'constant':
    case 'parameter':
    case 'system-value':
    case 'test':
    case 'logic':
      return true
    case 'cast':
    case 'collate':
      return isBounded(node.arg, bounds)
    case 'operation':
    case 'coalesce':
    case 'extreme':
      return areBounded(node.args)
    case 'array':
    case 'row':
      return bounds.hasCollections && areBounded(node.args)
    case 'call':
      return bounds.shrinks.has(node.name.name) && areBounded(node.args)
    case 'variable':
    case 'assign':
    case 'case':
    case 'subquery':
    case 'field':
    case 'built':
    case 'grouping-set':
    case 'current-of':
    case 'default':
    case 'opaque':
      return false
  }
}

/** A short constant: values made with it stay bounded. */
export const isLiteral = (node: Expression | undefined): boolean =>
  node?.kind === 'constant' && node.type !== 'null' && node.value.length <= MAX_LITERAL_LENGTH
export const MAX_LITERAL_LENGTH = 1000
