import { FIRST_USER_OID } from './catalog.ts'
import { CLASSES, type TableRow } from './catalog-tables.ts'
import { REVIEWED_EXTENSIONS } from './reviewed-extensions.ts'

/** Functions and operators, by object id, that are exactly those of a reviewed extension. */
export interface ReviewedCode {
  readonly functions: ReadonlySet<string>
  readonly operators: ReadonlySet<string>
  /** Operator families whose functions and operators are all among these or built in. */
  readonly families: ReadonlySet<string>
}

type Tables = ReadonlyMap<string, ReadonlyMap<string, TableRow>>
type Field = string | null | undefined

/**
 * Membership in an extension proves nothing: its owner may add functions to it. So a function is only accepted if everything about it was
 * reviewed: the symbol in the extension's library, or the built-in function that it uses, or the text of its body; with these arguments,
 * under this name, owned by the bootstrap superuser, and without any added setting or support function.
 */
export function reviewedCode(tables: Tables): ReviewedCode {
  const all = (name: string): Iterable<TableRow> => tables.get(name)?.values() ?? []
  const members = membersOf(all('pg_depend'), tables)
  if (members.size === 0) return { functions: new Set(), operators: new Set(), families: new Set() }
  const typeName = (oid: Field, extension: string): string => {
    const type = tables.get('pg_type')?.get(String(oid))
    if (type === undefined) return '?'
    const element = Number(oid) < FIRST_USER_OID ? '0' : type['typelem']
    const owner = element === '0' ? oid : element
    const isKnown = Number(oid) < FIRST_USER_OID || members.get(`${CLASSES['pg_type']} ${owner}`) === extension
    return isKnown ? String(type['typname']) : '?'
  }
  const functions = new Set<string>()
  const isReviewed = (oid: Field): boolean => Number(oid) < FIRST_USER_OID || functions.has(String(oid))

  const later: TableRow[] = []
  for (const proc of all('pg_proc')) {
    const extension = members.get(`${CLASSES['pg_proc']} ${proc['oid']}`)
    if (extension === undefined || proc['proowner'] !== BOOTSTRAP || proc['altered'] !== null) continue
    const types = (proc['arguments'] ?? '?').split(' ').filter((oid) => oid !== '')
    const signature = `${proc['proname']}(${types.map((oid) => typeName(oid, extension)).join(',')})`
    const code = codeOf(proc, extension)
    if (code === undefined || FUNCTIONS.get(extension)?.get(signature)?.has(code) !== true) continue
    if (code.startsWith('sql:') || code === AGGREGATE) later.push(proc)
    else functions.add(String(proc['oid']))
  }

  const operators = new Set<string>()
  /** Names of operators that are not reviewed. */
  const others = new Set<string>()
  for (const operator of all('pg_operator')) {
    const { oid, oprname, oprowner, oprleft, oprright, oprcode, oprrest, oprjoin } = operator
    const extension = members.get(`${CLASSES['pg_operator']} ${oid}`)
    const sides = [oprleft, oprright].map((type) => (type === '0' ? '' : typeName(type, extension ?? '')))
    const called = tables.get('pg_proc')?.get(String(oprcode))?.['proname']
    if (
      extension !== undefined &&
      oprowner === BOOTSTRAP &&
      [oprcode, oprrest, oprjoin].every(isReviewed) &&
      OPERATORS.get(extension)?.has(`${oprname}(${sides.join(',')})=${called}`) === true
    )
      operators.add(String(oid))
    else others.add(String(oprname))
  }

  // The parts of these: the function of an aggregate, and its operator; an operator that a body names without its schema.
  const madeOf = new Map<string, boolean>()
  for (const { classid, objid, refclassid, refobjid } of all('pg_depend')) {
    if (classid !== CLASSES['pg_proc']) continue
    const isFine =
      refclassid === CLASSES['pg_proc']
        ? isReviewed(refobjid)
        : refclassid === CLASSES['pg_operator']
          ? Number(refobjid) < FIRST_USER_OID || operators.has(String(refobjid))
          : PASSIVE.has(String(refclassid))
    if (!isFine) madeOf.set(String(objid), false)
  }
  for (const { oid, prolang } of later)
    if (madeOf.get(String(oid)) !== false && (prolang !== SQL || !UNQUALIFIED.some((name) => others.has(name))))
      functions.add(String(oid))
  const isOwnOperator = (oid: Field): boolean => Number(oid) < FIRST_USER_OID || operators.has(String(oid))
  const families = new Set<string>()
  const mixed = new Set<string>()
  const note = (family: Field, isFine: boolean): unknown => (isFine ? families : mixed).add(String(family))
  for (const { amopfamily, amopopr } of all('pg_amop')) note(amopfamily, isOwnOperator(amopopr))
  for (const { amprocfamily, amproc } of all('pg_amproc')) note(amprocfamily, isReviewed(amproc))
  for (const family of mixed) families.delete(family)
  return { functions, operators, families }
}

/** By class and object id, the name of the extension that the object belongs to. */
function membersOf(depends: Iterable<TableRow>, tables: Tables): ReadonlyMap<string, string> {
  const members = new Map<string, string>()
  for (const { classid, objid, objsubid, refclassid, refobjid, deptype } of depends) {
    if (deptype !== 'e' || objsubid !== '0' || refclassid !== CLASSES['pg_extension']) continue
    const name = tables.get('pg_extension')?.get(String(refobjid))?.['extname']
    if (name != null && Object.hasOwn(REVIEWED_EXTENSIONS, name)) members.set(`${classid} ${objid}`, name)
  }
  return members
}

/** What a function runs, in the notation of the list of reviewed functions. */
function codeOf({ prolang, probin, source }: TableRow, extension: string): string | undefined {
  if (source == null) return undefined
  if (prolang === C) return probin === REVIEWED_EXTENSIONS[extension]?.library ? source : undefined
  if (probin !== null) return undefined
  return prolang === INTERNAL ? `internal:${source}` : prolang === SQL ? `sql:${source}` : undefined
}

const FUNCTIONS = new Map<string, ReadonlyMap<string, ReadonlySet<string>>>(
  Object.entries(REVIEWED_EXTENSIONS).map(([extension, { functions }]) => {
    const known = new Map<string, Set<string>>()
    for (const entry of functions) {
      const [signature = '', code = signature.slice(0, signature.indexOf('('))] = entry.split('=')
      const codes = known.get(signature) ?? new Set()
      known.set(signature, codes.add(code))
    }
    return [extension, known]
  }),
)
const OPERATORS = new Map<string, ReadonlySet<string>>(
  Object.entries(REVIEWED_EXTENSIONS).map(([extension, { operators }]) => [extension, new Set(operators)]),
)

/** BOOTSTRAP_SUPERUSERID in the server's pg_authid.dat. */
const BOOTSTRAP = '10'
/** Object ids of languages in pg_language.dat. */
const [INTERNAL, C, SQL] = ['12', '13', '14']
const AGGREGATE = 'internal:aggregate_dummy'
/** Operators that function bodies of citext name without a schema. */
const UNQUALIFIED = ['=', '||']
/** Objects that a function may depend on without running them: its extension, its schema, its language, the types of its arguments. */
const PASSIVE = new Set(
  (['pg_extension', 'pg_namespace', 'pg_language', 'pg_type'] as const).map((name) => String(CLASSES[name])),
)
