import type { Node } from './findings.ts'
import { isMasked, type Origin } from './origin.ts'

/** Which constants and parameters of a statement no masked value has to do with: they may stand on record as they are. */
export interface VisibleConstants {
  /** Of each constant that is written as a number or a string, in the order of the text. */
  readonly constants: readonly boolean[]
  /** Numbers of parameters. */
  readonly parameters: ReadonlySet<number>
}

/**
 * Finds them while lineage is read. All are hidden but those in a place that is listed here: LIMIT and OFFSET; places in ORDER BY
 * and GROUP BY; what the statement itself selects, and what it compares, where no masked column is part of that; what it stores in
 * a column that is not masked. One that is seen elsewhere, too, or with another reading, stays hidden.
 */
export class OpenConstants {
  /** The SELECT whose rows are those of the statement. */
  #top: unknown
  readonly #tree: Node
  readonly #open = new Set<object>()
  readonly #hidden = new Set<object>()
  /** Found in conditions; a masked column that is compared with another makes a secret of what that one is compared with. */
  readonly #compared: object[] = []
  #isMixed = false

  constructor(tree: Node) {
    this.#tree = tree
    this.#top = tree['SelectStmt']
  }

  /** LIMIT, OFFSET, and a place in ORDER BY or GROUP BY. */
  bare(node: unknown): void {
    const constant = bareConstant(node)
    if (constant !== undefined) this.#open.add(constant)
  }

  /** An item of a select list. */
  selected(select: unknown, node: unknown, originOf: (column: unknown) => Origin): void {
    const { constants, columns, hasQuery } = partsOf(node)
    const isOpen = select === this.#top && !hasQuery && !columns.some((column) => isMasked(originOf(column)))
    for (const constant of constants) (isOpen ? this.#open : this.#hidden).add(constant)
  }

  /** A condition, or a part of one that AND, OR or NOT ties to others; `origin` is that of the whole. */
  compared(node: unknown, origin: Origin, originOf: (column: unknown) => Origin): void {
    const { constants, columns, hasQuery } = partsOf(node)
    const masked = columns.filter((column) => isMasked(originOf(column)))
    if (masked.length === 0 && !isMasked(origin) && !hasQuery) {
      for (const constant of constants) this.#compared.push(constant)
      return
    }
    for (const constant of constants) this.#hidden.add(constant)
    if (isMasked(origin) && (hasQuery || masked.length === 0 || columns.length > masked.length)) this.#isMixed = true
    if (masked.length > 1) this.#isMixed = true
  }

  /** A value that goes into a column. */
  stored(node: unknown, into: Origin): void {
    const constant = bareConstant(node)
    if (constant !== undefined) (isMasked(into) ? this.#hidden : this.#open).add(constant)
  }

  /** A masked column decides which rows are put together, and so is compared with whatever the other side has. */
  mixed(): void {
    this.#isMixed = true
  }

  get found(): VisibleConstants {
    const isOpen = new Set(this.#open)
    // What a part of the statement gives another as a constant may be compared with anything there.
    if (!this.#isMixed && !givesConstants(this.#tree, true)) for (const constant of this.#compared) isOpen.add(constant)
    const { constants, parameters } = everyConstant(this.#tree)
    const shown = (node: object): boolean => isOpen.has(node) && !this.#hidden.has(node)
    return {
      constants: constants.map(shown),
      parameters: new Set(
        [...parameters].filter(([, uses]) => uses.every((use) => shown(use))).map(([number]) => number),
      ),
    }
  }
}

/** `1`, `'x'`, `$1`, with a cast or without. */
function bareConstant(node: unknown): object | undefined {
  const { A_Const, ParamRef, TypeCast } = (node ?? {}) as { A_Const?: object; ParamRef?: object; TypeCast?: Node }
  if (TypeCast !== undefined && (TypeCast['typeName'] as Node | undefined)?.['typmods'] !== undefined) return undefined
  return A_Const ?? ParamRef ?? (TypeCast === undefined ? undefined : bareConstant(TypeCast['arg']))
}

/** What an expression is made of, without the queries in it. */
function partsOf(node: unknown): { constants: object[]; columns: unknown[]; hasQuery: boolean } {
  const constants: object[] = []
  const columns: unknown[] = []
  let hasQuery = false
  const visit = (value: unknown): void => {
    if (value === null || typeof value !== 'object') return
    if (Array.isArray(value)) return value.forEach(visit)
    for (const [key, content] of Object.entries(value as Node)) {
      if (key === 'A_Const' || key === 'ParamRef') constants.push(content as object)
      else if (key === 'ColumnRef') columns.push({ ColumnRef: content })
      else if (key === 'SubLink') {
        hasQuery = true
        visit((content as Node)['testexpr'])
      } else visit(content)
    }
  }
  visit(node)
  return { constants, columns, hasQuery }
}

/** Whether a query within the statement, other than one that EXISTS asks, gives constants as values of its rows. */
function givesConstants(value: unknown, isTop: boolean): boolean {
  if (value === null || typeof value !== 'object') return false
  if (Array.isArray(value)) return value.some((item) => givesConstants(item, isTop))
  return Object.entries(value as Node).some(([key, content]) => {
    const node = content as Node
    if (key === 'SelectStmt' || ((key === 'larg' || key === 'rarg') && !('JoinExpr' in node || 'RangeVar' in node))) {
      if (!isTop && (partsOf(node['targetList']).constants.length > 0 || node['valuesLists'] !== undefined)) return true
      return Object.entries(node).some(([part, inner]) =>
        givesConstants({ [part]: inner }, isTop && (part === 'larg' || part === 'rarg')),
      )
    }
    if (key === 'InsertStmt') {
      const { selectStmt, ...rest } = node as { selectStmt?: { SelectStmt?: Node } }
      const rows = selectStmt?.SelectStmt?.['valuesLists']
      return givesConstants(rest, false) || givesConstants(rows === undefined ? selectStmt : rows, false)
    }
    if (key === 'SubLink' && node['subLinkType'] === 'EXISTS_SUBLINK') {
      const { targetList: _, ...rest } = (node['subselect'] as { SelectStmt?: Node }).SelectStmt ?? {}
      return rest['valuesLists'] !== undefined || givesConstants(rest, false)
    }
    return givesConstants(content, false)
  })
}

/** All constants that are written as numbers or strings, in the order of the text, and the uses of each parameter. */
function everyConstant(tree: unknown): { constants: object[]; parameters: Map<number, object[]> } {
  const constants: { at: number; node: object }[] = []
  const parameters = new Map<number, object[]>()
  const visit = (value: unknown): void => {
    if (value === null || typeof value !== 'object') return
    if (Array.isArray(value)) return value.forEach(visit)
    for (const [key, content] of Object.entries(value as Node)) {
      const node = content as Node
      if (key === 'ParamRef') {
        const number = Number(node['number'] ?? 0)
        const uses = parameters.get(number)
        if (uses === undefined) parameters.set(number, [node])
        else uses.push(node)
      } else if (key === 'A_Const') {
        const at = Number(node['location'] ?? 0)
        // Not written in the text: TRUE, NULL, and what the grammar adds.
        if (at >= 0 && node['boolval'] === undefined && node['isnull'] === undefined) constants.push({ at, node })
      } else visit(content)
    }
  }
  visit(tree)
  return { constants: constants.toSorted((one, other) => one.at - other.at).map(({ node }) => node), parameters }
}
