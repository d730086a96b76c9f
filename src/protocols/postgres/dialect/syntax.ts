import type * as pg from '@pgsql/types'
import type { Constant, Name, Opaque } from '../../../sql/query.ts'
import { strangeIn } from './grammar.ts'
import { fieldOf } from './tree-fields.ts'

type Intersection<U> = (U extends unknown ? (member: U) => void : never) extends (all: infer I) => void ? I : never

const NONE: readonly never[] = []

/** The content of a node, by the node's type. */
export type Bodies = Intersection<pg.Node>
export type NodeType = keyof Bodies

/** Thrown where a node or a field is not known; whoever maps the expression or statement around it makes that opaque. */
export class NotRead extends Error {}

/** The fields of a node without its type around them, as the grammar writes them where only one type is possible. */
export function known<T extends NodeType>(type: T, body: Bodies[T]): Bodies[T]
export function known<T extends NodeType>(type: T, body: Bodies[T] | undefined): Bodies[T] | undefined
export function known<T extends NodeType>(type: T, body: Bodies[T] | undefined): Bodies[T] | undefined {
  const strange = body && strangeIn(type, body)
  if (strange !== undefined) throw new NotRead(strange)
  return body
}

/** The content of a node of this type; undefined for any other node. */
export function bodyOf<T extends NodeType>(type: T, node: pg.Node | undefined): Bodies[T] {
  const body = (node as Partial<Bodies> | undefined)?.[type]
  if (body === undefined) throw new NotRead(node === undefined ? type : typeOf(node))
  return known(type, body)
}

/** Maps a node by its type; the other arguments are passed on to the entry of the table. */
export type NodeTable<Rest extends readonly unknown[], Result> = {
  readonly [T in NodeType]?: (node: Bodies[T], ...rest: Rest) => Result
}

/** The entry of the table for a type; the two types belong together. */
export const entryOf = <T extends NodeType, Rest extends readonly unknown[], Result>(
  table: NodeTable<Rest, Result>,
  type: T,
): ((node: Bodies[T], ...rest: Rest) => Result) | undefined => table[type]

export function typeOf(node: pg.Node): NodeType {
  for (const type in node) return type as NodeType
  throw new NotRead('an empty node')
}

/** The items of a list, bare or within a node. */
export const listOf = (nodes: readonly pg.Node[] | undefined): readonly pg.Node[] => nodes ?? NONE

/** The strings of a list; a star is `*`. */
export const textsOf = (nodes: readonly pg.Node[] | undefined): string[] =>
  listOf(nodes).map((node) => ('A_Star' in node ? '*' : (bodyOf('String', node).sval ?? '')))

/** `schema.name`; undefined for an empty list. */
export function nameOf(nodes: readonly pg.Node[] | undefined): Name | undefined {
  const path = textsOf(nodes)
  const name = path.at(-1)
  return name === undefined ? undefined : { schema: path.at(-2), name }
}

export const relationName = (relation: pg.RangeVar): Name => ({
  schema: relation.schemaname,
  name: String(relation.relname),
  ...(relation.inh === true ? {} : { only: true as const }),
})

export function constantOf(node: pg.A_Const): Constant {
  known('A_Const', node)
  const constant = (type: Constant['type'], value: string): Constant => ({
    kind: 'constant',
    type,
    value,
    at: node.location ?? 0,
  })
  if (node.isnull === true) return constant('null', '')
  if (node.ival !== undefined) return constant('integer', String(node.ival.ival ?? 0))
  if (node.fval !== undefined) return constant('number', node.fval.fval ?? '0')
  if (node.boolval !== undefined) return constant('boolean', String(node.boolval.boolval ?? false))
  if (node.sval !== undefined) return constant('text', node.sval.sval ?? '')
  if (node.bsval !== undefined) return constant('bits', node.bsval.bsval ?? '')
  throw new NotRead('A_Const')
}

/** A part that could not be mapped, with the relations that it names. */
export function opaque(error: unknown, node: unknown): Opaque {
  if (!(error instanceof NotRead)) throw error
  return { kind: 'opaque', what: error.message, reads: relationsWithin(node) }
}

/** Without recursion: it may be opaque because it is nested too deeply. */
function relationsWithin(value: unknown): Name[] {
  const names: Name[] = []
  const left = [value]
  for (let node = left.pop(); left.length > 0 || node !== undefined; node = left.pop()) {
    if (node === null || typeof node !== 'object') continue
    const [name, schema] = [fieldOf(node, 'relname'), fieldOf(node, 'schemaname')]
    if (typeof name === 'string') names.push({ schema: typeof schema === 'string' ? schema : undefined, name })
    for (const part of Object.values(node).toReversed()) left.push(part)
  }
  return names
}
