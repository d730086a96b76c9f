import { isList, isNode, type TreeNode, type TreeValue } from './node-tree.ts'
import { numberOf } from './query-nodes.ts'

/** What a statement runs besides the server's own code, by object id. */
export class CalledCode {
  /** Functions that are called, including those behind operators and casts; `named`: the text names the function itself. */
  readonly functions = new Map<number, 'named' | 'implied'>()
  /** Operators that are not built in. */
  readonly operators = new Set<number>()
  /** Operator families that are not built in. */
  readonly families = new Set<number>()
  /** Operator classes and sampling methods that are not built in. */
  readonly methods = new Set<number>()
  /** Types of constants and conversions that are not built in. */
  readonly types = new Set<number>()

  /** What one node names, without the nodes in it. `isBuilt`: the text has SQL/JSON syntax instead of a call. */
  take(node: TreeNode, isBuilt: boolean): void {
    for (const [name, value] of node.fields) {
      if (FUNCTIONS.test(name)) {
        const isNamed =
          NAMED.has(node.tag) && !isBuilt && (node.tag !== 'FUNCEXPR' || numberOf(node, 'funcformat') === 0)
        for (const oid of oidsIn(value))
          if (isNamed || !this.functions.has(oid)) this.functions.set(oid, isNamed ? 'named' : 'implied')
      } else if (OPERATORS.test(name)) {
        for (const oid of oidsIn(value)) if (oid >= FIRST_USER_OID) this.operators.add(oid)
      } else if (FAMILIES.test(name)) {
        for (const oid of oidsIn(value)) if (oid >= FIRST_USER_OID) this.families.add(oid)
      } else if (METHODS.test(name)) {
        for (const oid of oidsIn(value)) if (oid >= FIRST_USER_OID) this.methods.add(oid)
      } else if (CONVERTED.has(node.tag) && TYPES.test(name) && !isInner(node))
        for (const oid of oidsIn(value)) if (oid >= FIRST_USER_OID) this.types.add(oid)
    }
    // In a conversion by way of text, the source type is that of the argument.
    if (node.tag !== 'COERCEVIAIO' && node.tag !== 'ARRAYCOERCEEXPR') return
    const arg = node.fields.get('arg')
    if (!isNode(arg)) return
    for (const [name, value] of arg.fields)
      if (TYPES.test(name)) for (const oid of oidsIn(value)) if (oid >= FIRST_USER_OID) this.types.add(oid)
  }
}

/** One object id, or a list of them. */
const oidsIn = (value: TreeValue): number[] =>
  (isList(value) ? value : [value]).flatMap((item) =>
    typeof item === 'string' && /^\d{1,10}$/.test(item) && item !== '0' ? [Number(item)] : [],
  )

/** A parameter that the server itself creates, for the rows of a subquery. */
const isInner = (node: TreeNode): boolean => node.tag === 'PARAM' && node.fields.get('paramkind') !== '0'

const FUNCTIONS = /(^|[a-z])funcid$|fnoid$|InRangeFunc$/
const OPERATORS = /^opnos?$|^(eq|sort)op$|neop$/
/** In a comparison of rows: the functions of the family compare them. */
const FAMILIES = /^opfamil(y|ies)$/
const METHODS = /opclass$|^tsmhandler$/
const TYPES = /(^|[a-z_])type(id)?$/
/** Nodes for which the text has a name and parentheses. */
const NAMED: ReadonlySet<string> = new Set(['FUNCEXPR', 'AGGREF', 'WINDOWFUNC'])
/** Nodes that convert a value to a type by code that belongs to the type. */
const CONVERTED: ReadonlySet<string> = new Set([
  'CONST',
  'PARAM',
  'COERCEVIAIO',
  'COERCETODOMAIN',
  'ARRAYCOERCEEXPR',
  'CONVERTROWTYPEEXPR',
])
const FIRST_USER_OID = 16_384
