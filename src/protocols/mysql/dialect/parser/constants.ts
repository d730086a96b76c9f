import type { Constant, Expression } from '../../../../sql/query.ts'
import { Kind } from '../tokens.ts'
import type { Cursor } from './cursor.ts'

/** The literal at the cursor; consecutive texts are one. */
export function constantAt(cursor: Cursor): Constant {
  const { kind, place } = cursor
  const value = cursor.tokens.value(cursor.at++)
  switch (kind) {
    case Kind.integer:
      return { kind: 'constant', type: 'integer', value, at: place }
    case Kind.decimal:
    case Kind.float:
      return { kind: 'constant', type: 'number', value, at: place }
    case Kind.hex:
    case Kind.bits:
      return { kind: 'constant', type: 'bits', value, at: place }
    case Kind.text:
    case Kind.nationalText:
      return withMore(value, place, cursor)
    default:
      cursor.at--
      return cursor.fail('a constant')
  }
}

function withMore(first: string, at: number, cursor: Cursor): Constant {
  let value = first
  const others: number[] = []
  while (cursor.kind === Kind.text) {
    others.push(cursor.place)
    value += cursor.tokens.value(cursor.at++)
  }
  const isNull = value === '' && cursor.context.sqlMode.has('EMPTY_STRING_IS_NULL')
  const constant: Constant = { kind: 'constant', type: isNull ? 'null' : 'text', value, at }
  return others.length === 0 ? constant : { ...constant, others }
}

/** Replaces a list of many constants by one constant: only their offsets matter, not their values. */
export function shareConstants(listed: readonly Expression[]): readonly Expression[] {
  if (listed.length <= FEW || !listed.every(isShared)) return listed
  const [first, ...rest] = listed
  if (first === undefined) return listed
  const places = [...(first.others ?? []), ...rest.flatMap(({ at, others = [] }) => [at, ...others])]
  const shared: Constant = { ...first, others: places }
  return listed.map(() => shared)
}

const isShared = (node: Expression): node is Constant => node.kind === 'constant' && node.type !== 'null'

export const FEW = 50
