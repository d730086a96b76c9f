import { atOnce, type Work } from '../../../shared/slices.ts'
import { FIRST_USER_OID } from './catalog.ts'
import { CLASSES, type TableRow } from './catalog-tables.ts'
import { countsChanges, showsStoredForm } from './counting-functions.ts'
import { hasEffects } from './system-functions.ts'

/** A user-defined function, or a built-in one that does more than compute a value, by name. */
export interface Code {
  readonly name: string
  readonly body: string
}

/** How a type is used: values of it are made, are used, or others are converted to it by name. */
type When = 'made' | 'used' | 'converted'
type Table = ReadonlyMap<string, TableRow>

/**
 * Finds the user-defined code behind an object: follows its dependencies to functions, through operators, operator classes and families,
 * types, casts, languages, servers, and everything else that the server says it is made of. What functions call in turn is not analysed:
 * the search ends at a user-defined function.
 */
export class WhatRuns {
  readonly #tables: ReadonlyMap<string, Table>
  readonly #names: (proc: TableRow) => string
  /** Functions that run no user-defined code, by object id. */
  readonly #harmless: ReadonlySet<string>
  #depends = new Map<string, string[]>()
  #byFamily = new Map<string, string[]>()
  #byType = new Map<string, { readonly when: When; readonly node: string }[]>()
  readonly #known = new Map<string, readonly Code[]>()
  /** The nodes that may lead to code: these are few, and no others are walked. Undefined: not known. */
  #leading: ReadonlySet<string> | undefined = NOTHING

  constructor(tables: ReadonlyMap<string, Table>, names: (proc: TableRow) => string, harmless: ReadonlySet<string>) {
    this.#tables = tables
    this.#harmless = harmless
    this.#names = names
  }

  /** Collects all edges; must run before any question. */
  *follow(): Work<void> {
    if (!this.#hasCode()) return
    for (const row of this.#rows('pg_depend')) {
      yield
      if (!isOfColumn(row))
        push(this.#depends, `${row['classid']} ${row['objid']}`, `${row['refclassid']} ${row['refobjid']}`)
    }
    for (const table of CALLING)
      for (const { oid, calls } of this.#rows(table)) {
        yield
        for (const called of systemCalls(table, calls)) push(this.#depends, node(table, oid), called)
      }
    // An operator class that is not the default is used where an index, a key or a type names it.
    const implied = new Set<string>()
    for (const { oid, opcintype, opcfamily, default: isDefault } of this.#rows('pg_opclass')) {
      yield
      if (isDefault === null) continue
      this.#ofType(opcintype, 'used', node('pg_opclass', oid))
      implied.add(String(opcfamily))
    }
    const isImplied = (family: string | null | undefined): boolean => !isUsers(family) || implied.has(String(family))
    for (const row of this.#rows('pg_amop')) {
      yield
      push(this.#byFamily, String(row['amopfamily']), node('pg_operator', row['amopopr']))
      if (!isImplied(row['amopfamily'])) continue
      for (const type of [row['amoplefttype'], row['amoprighttype']])
        this.#ofType(type, 'used', node('pg_operator', row['amopopr']))
    }
    for (const row of this.#rows('pg_amproc')) {
      yield
      push(this.#byFamily, String(row['amprocfamily']), node('pg_proc', row['amproc']))
      if (!isImplied(row['amprocfamily'])) continue
      for (const type of [row['amproclefttype'], row['amprocrighttype']])
        this.#ofType(type, 'used', node('pg_proc', row['amproc']))
    }
    for (const { castsource, casttarget, castfunc } of this.#rows('pg_cast')) {
      yield
      const cast = node('pg_proc', castfunc)
      if (isUsers(castsource)) this.#ofType(castsource, 'used', cast)
      if (isUsers(casttarget)) this.#ofType(casttarget, 'made', cast)
      else if (!isUsers(castsource)) this.#ofType(casttarget, 'converted', cast)
    }
    for (const { oid, contypid } of this.#rows('pg_constraint')) {
      yield
      if (contypid !== '0') this.#ofType(contypid, 'made', node('pg_constraint', oid))
    }
    for (const { rngtypid, rngmultitypid, rngsubtype, rngsubopc, rngcanonical, rngsubdiff } of this.#rows('pg_range'))
      for (const type of [rngtypid, rngmultitypid ?? '0']) {
        yield
        for (const when of ['made', 'used'] as const) {
          this.#part(type, when, rngsubtype)
          this.#ofType(type, when, node('pg_opclass', rngsubopc))
          for (const proc of [rngcanonical, rngsubdiff]) this.#ofType(type, when, node('pg_proc', proc))
        }
      }
    for (const { trftype, trffromsql, trftosql } of this.#rows('pg_transform'))
      for (const proc of [trffromsql, trftosql]) this.#ofType(trftype, 'used', node('pg_proc', proc))
    yield* this.#addTypes(this.#rows('pg_type'), this.#rows('pg_attribute'))
    this.#leading = this.#findLeading()
  }

  *#addTypes(types: Iterable<TableRow>, attributes: Iterable<TableRow>): Work<void> {
    const fields = new Map<string, TableRow[]>()
    for (const row of attributes) {
      yield
      if (row['dropped'] === null) push(fields, String(row['attrelid']), row)
    }
    for (const type of types) {
      yield
      const { oid, typelem, typbasetype, typrelid, typtype, calls } = type
      for (const called of systemCalls('pg_type', calls)) this.#ofType(oid, 'made', called)
      for (const when of ['made', 'used', 'converted'] as const) {
        this.#part(oid, when, typelem)
        if (typbasetype !== '0') this.#ofType(oid, when, typeNode(typbasetype, when))
        // The rows of a table are a type as well: the types of its columns run with them.
        if (typtype === 'c')
          for (const { atttypid } of fields.get(String(typrelid)) ?? []) this.#part(oid, when, atttypid)
      }
      for (const column of MADE_BY) this.#calls(oid, 'made', type[column])
      for (const column of USED_BY) this.#calls(oid, 'used', type[column])
    }
  }

  /** Whether there is any user-defined code: otherwise nothing leads to any. */
  get hasCode(): boolean {
    return this.#leading !== NOTHING
  }

  /**
   * The same after relations have changed, given the new dependencies, the types of their rows and the arrays of those, and the columns
   * that these consist of. Nothing else that leads from one object to another has changed.
   */
  renewed(
    tables: ReadonlyMap<string, Table>,
    names: (proc: TableRow) => string,
    {
      depends,
      types,
      attributes,
    }: {
      readonly depends: { readonly before: readonly TableRow[]; readonly now: readonly TableRow[] }
      readonly types: { readonly before: ReadonlySet<string>; readonly now: readonly TableRow[] }
      readonly attributes: readonly TableRow[]
    },
  ): WhatRuns {
    if (!this.hasCode) return this
    const next = new WhatRuns(tables, names, this.#harmless)
    next.#depends = new Map(this.#depends)
    next.#byFamily = this.#byFamily
    next.#byType = new Map(this.#byType)
    next.#leading = undefined
    const owned = new Set<string>()
    const edgesOf = (from: string): string[] => {
      const known = next.#depends.get(from) ?? []
      if (owned.has(from)) return known
      owned.add(from)
      const copy = [...known]
      next.#depends.set(from, copy)
      return copy
    }
    for (const row of depends.before) {
      if (isOfColumn(row)) continue
      const edges = edgesOf(`${row['classid']} ${row['objid']}`)
      const at = edges.indexOf(`${row['refclassid']} ${row['refobjid']}`)
      if (at >= 0) edges.splice(at, 1)
    }
    for (const row of depends.now)
      if (!isOfColumn(row)) edgesOf(`${row['classid']} ${row['objid']}`).push(`${row['refclassid']} ${row['refobjid']}`)
    for (const type of types.before) next.#byType.delete(type)
    atOnce(next.#addTypes(types.now, attributes))
    return next
  }

  #hasCode(): boolean {
    if ((this.#tables.get('pg_proc')?.size ?? 0) > this.#harmless.size) return true
    for (const { refclassid } of this.#rows('pg_depend')) if (!CATALOG_OF.has(String(refclassid))) return true
    for (const table of [...CALLING, 'pg_type'])
      for (const { calls } of this.#rows(table)) if (systemCalls(table, calls).length > 0) return true
    return false
  }

  /** All nodes from which `#next` may reach code, found backwards. */
  #findLeading(): ReadonlySet<string> {
    const leading = new Set<string>()
    for (const { oid } of this.#rows('pg_proc')) if (!this.#harmless.has(String(oid))) leading.add(node('pg_proc', oid))
    const before = new Map<string, string[]>()
    for (const [from, all] of this.#depends)
      for (const to of all) {
        push(before, to, from)
        if (!isKnownKind(to)) leading.add(to)
      }
    for (const [type, edges] of this.#byType)
      for (const { when, node: to } of edges) {
        push(before, to, typeNode(type, when))
        if (to.startsWith(SYSTEM)) leading.add(to)
      }
    for (const [family, all] of this.#byFamily) for (const to of all) push(before, to, node('pg_opfamily', family))
    for (const table of NAMING)
      for (const row of this.#rows(table))
        for (const column of NAMED_FUNCTIONS[table]) push(before, node('pg_proc', row[column]), node(table, row['oid']))
    for (const { oid, opcfamily, opcintype, opckeytype } of this.#rows('pg_opclass')) {
      push(before, node('pg_opfamily', opcfamily), node('pg_opclass', oid))
      for (const type of [opcintype, opckeytype]) push(before, typeNode(type, 'used'), node('pg_opclass', oid))
    }
    for (const at of leading) {
      // What a relation runs is determined for that relation only: others do not lead through it.
      if (at.startsWith(RELATION)) continue
      for (const from of before.get(at) ?? []) leading.add(from)
      const [when, type] = at.split(' ')
      if (when === 'made' || when === 'used') leading.add(node('pg_type', type))
    }
    return leading
  }

  /** The code behind an object, by its catalog and object id. */
  codeBehind(catalog: keyof typeof CLASSES, oid: string | null | undefined): readonly Code[] {
    return this.#codeOf(node(catalog, oid))
  }

  /** The code that runs when values of the type are made: read from text or bytes, checked, cast to it. */
  makes(type: string | null | undefined): readonly Code[] {
    return this.#codeOf(typeNode(type, 'made'))
  }

  /** The code that runs when values are converted to the type: casts from built-in types to it and to its parts. */
  converts(type: string | null | undefined): readonly Code[] {
    return this.#codeOf(typeNode(type, 'converted'))
  }

  /** The code that runs when values of the type are shown, compared or cast to another, which any statement that reads them may do. */
  uses(type: string | null | undefined): readonly Code[] {
    return this.#codeOf(typeNode(type, 'used'))
  }

  #rows(table: string): Iterable<TableRow> {
    return this.#tables.get(table)?.values() ?? []
  }

  #row(table: string, oid: string): TableRow | undefined {
    return this.#tables.get(table)?.get(oid)
  }

  #ofType(type: string | null | undefined, when: When, to: string): void {
    if (type == null || type === '0' || to.endsWith(' 0')) return
    push(this.#byType, type, { when, node: to })
  }

  /** A built-in function leads nowhere: its row is not copied. */
  #calls(type: string | null | undefined, when: When, proc: string | null | undefined): void {
    if (proc != null && this.#row('pg_proc', proc) !== undefined) this.#ofType(type, when, node('pg_proc', proc))
  }

  /** An array, range or row is made of other types. Comparing it with a constant makes a value of them. */
  #part(type: string | null | undefined, when: When, part: string | null | undefined): void {
    if (part == null || part === '0') return
    this.#ofType(type, when, typeNode(part, when))
    if (when === 'used') this.#ofType(type, when, typeNode(part, 'made'))
  }

  #codeOf(start: string): readonly Code[] {
    if (this.#leading?.has(start) === false) return NONE
    const known = this.#known.get(start)
    if (known !== undefined) return known
    const code = new Map<string, Code>()
    const seen = new Set([start])
    for (const at of seen) for (const next of this.#next(at, start, code)) if (!next.endsWith(' 0')) seen.add(next)
    const found = [...code.values()]
    this.#known.set(start, found)
    return found
  }

  /** The nodes after an object; functions are collected in `code`. */
  #next(at: string, start: string, code: Map<string, Code>): string[] {
    const [kind, oid = ''] = at.split(' ')
    if (kind === 'made' || kind === 'used' || kind === 'converted')
      return (this.#byType.get(oid) ?? []).filter(({ when }) => when === kind).map((edge) => edge.node)
    if (at.startsWith(SYSTEM)) {
      code.set(at, { name: oid, body: '' })
      return []
    }
    const catalog = CATALOG_OF.get(String(kind)) ?? 'unknown'
    switch (catalog) {
      case 'pg_proc': {
        const proc = this.#row('pg_proc', oid)
        if (proc === undefined || this.#harmless.has(oid)) return [] // built in, or as harmless
        // Compiled code of an extension that implements the type itself is part of the type.
        if (start.startsWith('used ') && proc['prolang'] === C) return []
        code.set(oid, { name: this.#names(proc), body: String(proc['body']) })
        return []
      }
      case 'pg_type':
        return [typeNode(oid, 'made'), typeNode(oid, 'used')]
      case 'pg_class':
        // What a relation runs is determined for that relation only. For the starting relation, these are its parts.
        return at === start ? (this.#depends.get(at) ?? []) : []
      case 'pg_operator': {
        const row = this.#row('pg_operator', oid)
        return NAMED_FUNCTIONS.pg_operator.map((column) => node('pg_proc', row?.[column]))
      }
      case 'pg_opclass': {
        const row = this.#row('pg_opclass', oid)
        if (row === undefined) return []
        const { opcfamily, opcintype, opckeytype } = row
        return [
          node('pg_opfamily', opcfamily),
          ...[opcintype, opckeytype].map((type) => typeNode(type, 'used')),
          ...(this.#depends.get(at) ?? []),
        ]
      }
      case 'pg_opfamily':
        return [...(this.#byFamily.get(oid) ?? []), ...(this.#depends.get(at) ?? [])]
      case 'pg_cast':
      case 'pg_language':
      case 'pg_foreign_data_wrapper': {
        const row = this.#row(catalog, oid)
        return NAMED_FUNCTIONS[catalog].map((column) => node('pg_proc', row?.[column]))
      }
      case 'pg_namespace':
      case 'pg_extension':
        return [] // The owner and the namespace run nothing.
      case 'pg_collation':
      case 'pg_constraint':
      case 'pg_attrdef':
      case 'pg_rewrite':
      case 'pg_trigger':
      case 'pg_policy':
      case 'pg_statistic_ext':
      case 'pg_foreign_server':
      case 'pg_transform':
      case 'pg_amop':
      case 'pg_amproc':
      case 'pg_am':
      case 'pg_ts_config':
      case 'pg_ts_dict':
      case 'pg_ts_parser':
      case 'pg_ts_template':
        return this.#depends.get(at) ?? []
      default:
        code.set(at, { name: 'an object of a kind that is not read', body: at })
        return []
    }
  }
}

export function* whatRuns(
  tables: ReadonlyMap<string, Table>,
  names: (proc: TableRow) => string,
  harmless: ReadonlySet<string>,
): Work<WhatRuns> {
  const runs = new WhatRuns(tables, names, harmless)
  yield* runs.follow()
  return runs
}

const node = (catalog: keyof typeof CLASSES, oid: string | null | undefined): string =>
  `${CLASSES[catalog]} ${oid ?? '0'}`
const typeNode = (type: string | null | undefined, when: When): string => `${when} ${type ?? '0'}`
const isUsers = (type: string | null | undefined): boolean => Number(type) >= FIRST_USER_OID

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [value])
  else list.push(value)
}

/**
 * The built-in functions that do more than compute a value, among those that an expression of an object of this catalog calls. Where it
 * decides what may be read or written, they include those that count changes; what views and defaults make of these is masked.
 */
export function systemCalls(catalog: string, calls: string | null | undefined): string[] {
  const counts = (name: string): boolean =>
    !SHOWN.has(catalog) &&
    (countsChanges(name, Infinity) !== undefined || (catalog === 'pg_policy' && showsStoredForm(name)))
  return calledFunctions(calls).flatMap(({ name, isVolatile }) =>
    hasEffects(name, isVolatile) || counts(name) ? [`${SYSTEM}pg_catalog.${name}`] : [],
  )
}

/** Catalogs whose expressions are the values of columns. */
const SHOWN = new Set(['pg_rewrite', 'pg_attrdef'])

/** The built-in functions that an expression calls, without immutable ones; see `calls` in `catalogTables`. */
export const calledFunctions = (calls: string | null | undefined): { name: string; isVolatile: boolean }[] =>
  (calls?.split(',') ?? []).map((called) => {
    const [name = '', volatility] = called.split(' ')
    return { name, isVolatile: volatility === 'v' }
  })

/** The types of a relation's columns are asked for separately. */
const isOfColumn = ({ classid, objsubid, refclassid }: TableRow): boolean =>
  classid === CLASSES['pg_class'] && objsubid !== '0' && refclassid === CLASSES['pg_type']

export const CATALOG_OF: ReadonlyMap<string, string> = new Map(
  Object.entries(CLASSES).map(([name, oid]) => [oid, name]),
)
const isKnownKind = (at: string): boolean => CATALOG_OF.has(at.slice(0, at.indexOf(' ')))
const SYSTEM = 'system '
const RELATION = `${CLASSES['pg_class']} `
const NONE: readonly never[] = []
const NOTHING: ReadonlySet<string> = new Set()
/** Objects whose rows name functions. */
const NAMED_FUNCTIONS = {
  pg_operator: ['oprcode', 'oprrest', 'oprjoin'],
  pg_cast: ['castfunc'],
  pg_language: ['lanplcallfoid', 'laninline', 'lanvalidator'],
  pg_foreign_data_wrapper: ['fdwhandler', 'fdwvalidator'],
}
const NAMING = [
  'pg_operator',
  'pg_cast',
  'pg_language',
  'pg_foreign_data_wrapper',
] as const satisfies readonly (keyof typeof NAMED_FUNCTIONS)[]
/** Objects with expressions of their own; see `calls` in `catalogTables`. */
const CALLING = ['pg_rewrite', 'pg_attrdef', 'pg_constraint', 'pg_trigger', 'pg_policy'] as const
const MADE_BY = ['typinput', 'typreceive', 'typmodin', 'typanalyze']
/** A constant that a value is compared with is parsed as well. */
const USED_BY = ['typoutput', 'typsend', 'typmodout', 'typsubscript', 'typinput', 'typreceive']
/** The language C: only a superuser defines functions in it. */
const C = '13'
