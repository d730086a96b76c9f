import type { Constant, Expression } from '../../../../sql/query.ts'
import { isLiteral } from '../tokens.ts'
import { FEW } from './constants.ts'
import type { Cursor } from './cursor.ts'
import { readExpression } from './clauses.ts'

/**
 * `(…), (…)`: the rows of VALUES. If there are many that consist only of constants, one row represents all: only the number of rows and the
 * offsets of the constants matter, not their values.
 */
export function readRows(cursor: Cursor, hasRow: boolean): readonly (readonly Expression[])[] {
  const rows: (readonly Expression[])[] = []
  let shared: Shared | undefined
  do {
    if (hasRow) cursor.expect('ROW')
    if (shared?.take(cursor) === true) continue
    const row = readRow(cursor)
    if (rows.length < FEW) {
      rows.push(row)
      if (rows.length === FEW) shared = Shared.of(rows)
      continue
    }
    if (shared?.add(row) !== true) {
      // The rows combined so far stay combined.
      for (const before of shared?.finish() ?? []) rows.push(before)
      shared = undefined
      rows.push(row)
    }
  } while (cursor.takeSign(','))
  return shared === undefined ? rows : [...rows, ...shared.finish()]
}

function readRow(cursor: Cursor): readonly Expression[] {
  cursor.expectSign('(')
  if (cursor.takeSign(')')) return []
  const row = cursor.list(() => readValue(cursor))
  cursor.expectSign(')')
  return row
}

/** An expression, DEFAULT or, in MariaDB, IGNORE. */
export function readValue(cursor: Cursor): Expression {
  const isWord = cursor.is('DEFAULT') || (cursor.isMariadb && cursor.is('IGNORE'))
  if (!isWord || cursor.isSignAt(1, '(')) return readExpression(cursor)
  cursor.at++
  return { kind: 'default' }
}

/** Rows of constants that follow the first ones. */
class Shared {
  readonly #first: readonly Constant[]
  readonly #others: number[][]
  #count = 0

  private constructor(first: readonly Constant[]) {
    this.#first = first
    this.#others = first.map(() => [])
  }

  /** Undefined if the rows so far do not consist only of constants. */
  static of(rows: readonly (readonly Expression[])[]): Shared | undefined {
    const [first] = rows
    if (first?.every(isConstant) !== true) return undefined
    return rows.every((row) => row.length === first.length && row.every(isConstant)) ? new Shared(first) : undefined
  }

  /** Takes a row of literals without creating any objects: texts may have millions. */
  take(cursor: Cursor): boolean {
    const { tokens } = cursor
    const width = this.#first.length
    const start = cursor.at
    if (width === 0 || !cursor.isSign('(')) return false
    for (let index = 0; index < width; index++) {
      const at = start + 1 + index * 2
      if (!isLiteral(tokens.kind(at)) || !cursor.isSignAt(at + 1 - start, index + 1 < width ? ',' : ')')) return false
    }
    for (let index = 0; index < width; index++) this.#others[index]?.push(tokens.start(start + 1 + index * 2))
    this.#count++
    cursor.at = start + 1 + width * 2
    return true
  }

  add(row: readonly Expression[]): boolean {
    if (row.length !== this.#first.length || !row.every(isConstant)) return false
    row.forEach(({ at, others = [] }, index) => this.#others[index]?.push(at, ...others))
    this.#count++
    return true
  }

  finish(): readonly (readonly Constant[])[] {
    if (this.#count === 0) return []
    const row = this.#first.map((constant, index) => ({
      ...constant,
      others: [...(constant.others ?? []), ...(this.#others[index] ?? [])],
    }))
    return Array.from({ length: this.#count }, () => row)
  }
}

const isConstant = (node: Expression): node is Constant => node.kind === 'constant'
