import type { Totals } from '../dialect.ts'
import { fromParts, partsOf, statementParts } from '../parts.ts'
import type { Column, Constant, Expression, FromItem, Parameter, Statement, TypeName } from '../query.ts'
import { isMasked, type Origin } from './origin.ts'

/** The constants and parameters of a statement that are unrelated to masked values, and may be recorded. */
export interface VisibleConstants {
  /** Their offsets in the text. */
  readonly places: ReadonlySet<number>
  /** Offsets of all constants that were read. */
  readonly known: ReadonlySet<number>
  /** Numbers of parameters. */
  readonly parameters: ReadonlySet<number>
}

type Given = Constant | Parameter

/**
 * Finds them while lineage is read. All constants are hidden except those in LIMIT and OFFSET; column numbers in ORDER BY and GROUP BY;
 * and, unless a masked column is compared or combined with another anywhere in the statement, those that the statement itself selects,
 * those in comparisons without a masked column, and those that it stores in a column that is not masked. A constant that is also found
 * elsewhere, or is read differently there, stays hidden.
 */
export class OpenConstants {
  readonly #tree: Statement
  readonly #totals: Totals
  /** By offset in the text: an assignment to several columns is in the tree once for each. */
  readonly #open = new Set<number>()
  readonly #hidden = new Set<number>()
  /** Candidates that are compared, selected or stored. They are hidden where a masked column is compared or combined with another. */
  readonly #candidates: Given[] = []
  readonly #isGiven = new WeakMap<Expression, boolean>()
  #isMixed = false

  constructor(tree: Statement, totals: Totals) {
    this.#tree = tree
    this.#totals = totals
  }

  /** LIMIT, OFFSET, and a place in ORDER BY or GROUP BY. */
  bare(node: Expression): void {
    const constant = bareConstant(node)
    if (constant?.kind === 'parameter' || constant?.type === 'integer') add(constant, this.#open)
  }

  /** An item of a select list. Only those of the outermost SELECT count. */
  selected(select: Statement, node: Expression, originOf: (column: Expression) => Origin): void {
    const { given, columns, isWhole } = contentOf(node)
    const isOpen = select === this.#tree && isWhole && !columns.some((column) => isMasked(originOf(column)))
    if (isOpen) this.#candidates.push(...given)
    else for (const constant of given) add(constant, this.#hidden)
  }

  /** Notes an expression that has been read, with the origins of its parts: whether it combines a masked column with anything but constants and parameters. */
  read(node: Expression, origin: Origin, originOf: (part: Expression) => Origin): void {
    // AND, OR and NOT combine comparisons that have been noted already.
    if (this.#isMixed || !isMasked(origin) || node.kind === 'logic' || node.kind === 'column') return
    if (node.kind === 'subquery') {
      if (node.gives === 'rows') this.#isMixed = true
      return
    }
    const others = partsOf(node).expressions.filter((part) => !this.#given(part))
    const [only] = others
    if (only === undefined || others.length > 1 || !isMasked(originOf(only))) this.#isMixed = true
  }

  /** Made of constants and parameters only: nothing else can carry it to another place of the statement. */
  #given(node: Expression): boolean {
    const before = this.#isGiven.get(node)
    if (before !== undefined) return before
    const isGiven = mayBeGiven(node, this.#totals) && partsOf(node).expressions.every((part) => this.#given(part))
    this.#isGiven.set(node, isGiven)
    return isGiven
  }

  /** A condition, or an operand of AND, OR or NOT in it; `origin` is that of the whole. */
  compared(node: Expression, origin: Origin, originOf: (part: Expression) => Origin): void {
    const { given, columns, isWhole } = contentOf(node)
    if (node.kind === 'logic' && isWhole) {
      for (const arg of node.args) this.compared(arg, arg.kind === 'logic' ? origin : originOf(arg), originOf)
      return
    }
    const masked = columns.filter((column) => isMasked(originOf(column)))
    if (masked.length === 0 && !isMasked(origin) && isWhole) {
      for (const constant of given) this.#candidates.push(constant)
      return
    }
    for (const constant of given) add(constant, this.#hidden)
    if (isMasked(origin) && (!isWhole || masked.length === 0 || columns.length > masked.length)) this.#isMixed = true
    if (masked.length > 1) this.#isMixed = true
  }

  /** A value that goes into a column of the rows that `statement` writes. */
  stored(statement: Statement, node: Expression, into: Origin): void {
    if (isMasked(into) && !this.#given(node)) this.#isMixed = true
    const constant = bareConstant(node)
    if (constant === undefined) return
    // Other parts of the statement may read what this one writes.
    if (statement === this.#tree && !isMasked(into)) this.#candidates.push(constant)
    else add(constant, this.#hidden)
  }

  /** Notes that a masked column is compared with another value, as in a join. */
  mixed(): void {
    this.#isMixed = true
  }

  get isMixed(): boolean {
    return this.#isMixed
  }

  get found(): VisibleConstants | undefined {
    const { given, isWhole } = everythingGiven(this.#tree)
    // A part that is not analysed may do anything with them.
    if (!isWhole) return undefined
    const places = new Set(this.#open)
    // A constant that one part passes to another may be compared with anything there.
    if (!this.#isMixed && !givesConstants(this.#tree, true))
      for (const constant of this.#candidates) add(constant, places)
    for (const place of this.#hidden) places.delete(place)
    const known = new Set<number>()
    const parameters = new Set<number>()
    for (const one of given) if (one.kind === 'constant') add(one, known)
    for (const one of given) if (one.kind === 'parameter') parameters.add(one.number)
    for (const one of given) if (one.kind === 'parameter' && !places.has(one.at)) parameters.delete(one.number)
    return { places, known, parameters }
  }
}

/** Functions that depend on their arguments alone count; those that reveal the session (current_setting(), CURRENT_USER) do not. */
function mayBeGiven(node: Expression, totals: Totals): boolean {
  switch (node.kind) {
    case 'constant':
    case 'parameter':
    case 'operation':
    case 'logic':
    case 'test':
    case 'case':
    case 'coalesce':
    case 'extreme':
    case 'cast':
    case 'collate':
    case 'row':
    case 'array':
    case 'default':
      return true
    case 'call':
      return node.args.length > 0 && totals.neverFails(node, undefined)
    case 'column':
    case 'system-value':
    case 'variable':
    case 'assign':
    case 'subquery':
    case 'field':
    case 'built':
    case 'grouping-set':
    case 'current-of':
    case 'opaque':
      return false
  }
}

function add(given: Given, to: Set<number>): void {
  to.add(given.at)
  if (given.kind === 'constant') for (const at of given.others ?? []) to.add(at)
}

/** `1`, `'x'`, `$1`, with a cast or without. */
function bareConstant(node: Expression): Given | undefined {
  if (node.kind === 'cast') return node.to.limited ? undefined : bareConstant(node.arg)
  return node.kind === 'constant' || node.kind === 'parameter' ? node : undefined
}

const modifiersOf = (types: readonly TypeName[]): Constant[] => types.flatMap(({ modifiers }) => modifiers)

/** The constants, parameters and columns of an expression; `isWhole` is false where it also has queries, or parts that are not analysed. */
function contentOf(node: Expression): { given: Given[]; columns: Column[]; isWhole: boolean } {
  const given: Given[] = []
  const columns: Column[] = []
  let isWhole = true
  const visit = (part: Expression): void => {
    if (part.kind === 'constant' || part.kind === 'parameter') given.push(part)
    if (part.kind === 'column') columns.push(part)
    const { expressions, statements, types } = partsOf(part)
    if (part.kind === 'opaque' || statements.length > 0) isWhole = false
    given.push(...modifiersOf(types))
    for (const inner of expressions) visit(inner)
  }
  visit(node)
  return { given, columns, isWhole }
}

/** Whether a query within the statement, other than one that EXISTS asks, gives constants as values of its rows. */
function givesConstants(node: Statement, isTop: boolean): boolean {
  if (!isTop && node.kind === 'values') return true
  if (!isTop && node.kind === 'select' && node.targets.some(({ value }) => contentOf(value).given.length > 0))
    return true
  const { expressions, statements, from } = statementParts(node)
  // The rows of a set operation are those of both its sides; VALUES of an INSERT go into its columns.
  const isPart = (inner: Statement): boolean =>
    node.kind === 'set-operation'
      ? isTop && (inner === node.left || inner === node.right)
      : node.kind === 'insert' && inner === node.source && inner.kind === 'values'
  return (
    expressions.some(givesWithin) ||
    statements.some((inner) => givesConstants(inner, isPart(inner))) ||
    from.some(givesInFrom)
  )
}

function givesWithin(node: Expression): boolean {
  const { expressions, statements } = partsOf(node)
  const isAsked = node.kind === 'subquery' && node.gives === 'exists' && node.query.kind === 'select'
  return (
    node.kind === 'opaque' ||
    expressions.some(givesWithin) ||
    statements.some((inner) => givesConstants(inner, isAsked))
  )
}

function givesInFrom(item: FromItem): boolean {
  const { expressions, statements, from } = fromParts(item)
  return (
    expressions.some(givesWithin) || statements.some((inner) => givesConstants(inner, false)) || from.some(givesInFrom)
  )
}

/** All constants and parameters of a statement; not the whole where a part of it is not read. */
function everythingGiven(tree: Statement): { given: Given[]; isWhole: boolean } {
  const given: Given[] = []
  let isWhole = true
  const inExpression = (node: Expression): void => {
    if (node.kind === 'constant' || node.kind === 'parameter') given.push(node)
    if (node.kind === 'opaque') isWhole = false
    const { expressions, statements, types } = partsOf(node)
    for (const constant of modifiersOf(types)) given.push(constant)
    for (const part of expressions) inExpression(part)
    for (const statement of statements) inStatement(statement)
  }
  const inFrom = (item: FromItem): void => {
    if (item.kind === 'function-table' || item.kind === 'value-table')
      for (const constant of modifiersOf(item.types)) given.push(constant)
    const { expressions, statements, from } = fromParts(item)
    for (const part of expressions) inExpression(part)
    for (const statement of statements) inStatement(statement)
    for (const inner of from) inFrom(inner)
  }
  const inStatement = (node: Statement): void => {
    const { expressions, statements, from } = statementParts(node)
    for (const part of expressions) inExpression(part)
    for (const statement of statements) inStatement(statement)
    for (const item of from) inFrom(item)
  }
  inStatement(tree)
  return { given, isWhole }
}
