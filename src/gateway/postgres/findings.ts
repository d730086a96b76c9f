import type { NamedRelation, ParsedStatement } from './parsed-statement.ts'

/** A node of the parser's tree, its fields not looked at yet. */
export type Node = Readonly<Record<string, unknown>>

/** Names of the common table expressions in sight. */
export type Scope = readonly string[]

/** What has been found in one statement so far. */
export class Findings {
  readonly kinds = new Set<string>()
  readonly reads = new Map<string, NamedRelation>()
  readonly writes = new Map<string, NamedRelation>()
  readonly functions = new Map<string, NamedRelation>()
  readonly operators = new Map<string, NamedRelation>()
  readonly settings: { name: string; value: string | undefined }[] = []
  readonly columns = new Set<string>()
  readonly unknown = new Set<string>()
  readonly names: string[] = []
  readonly typeNames = new Set<string>()
  missingWhere = false
  cascade = false
  explainRuns = false
  readWrite = false
  /** What `name` is in `select set_config(name, …) from pg_settings where name = '…'`. */
  settingByName: string | undefined
  executes: string | undefined
  opaqueSettings = false
  renamesSchema: string | undefined
  secret = false
  copy: ParsedStatement['copy']

  /** Takes over what another part does, except which columns it mentions. */
  add(other: Findings): void {
    for (const kind of other.kinds) this.kinds.add(kind)
    for (const [key, relation] of other.reads) this.reads.set(key, relation)
    for (const [key, relation] of other.writes) this.writes.set(key, relation)
    for (const [key, name] of other.functions) this.functions.set(key, name)
    for (const [key, name] of other.operators) this.operators.set(key, name)
    for (const reason of other.unknown) this.unknown.add(reason)
    for (const type of other.typeNames) this.typeNames.add(type)
    if (other.missingWhere) this.missingWhere = true
    if (other.opaqueSettings) this.opaqueSettings = true
    this.settings.push(...other.settings)
  }

  finish(tree: Node): ParsedStatement {
    return {
      tree,
      typeNames: [...this.typeNames],
      cascade: this.cascade,
      explainRuns: this.explainRuns,
      readWrite: this.readWrite,
      executes: this.executes,
      opaqueSettings: this.opaqueSettings,
      renamesSchema: this.renamesSchema,
      kinds: [...this.kinds],
      reads: [...this.reads.values()],
      writes: [...this.writes.values()],
      functions: [...this.functions.values()],
      operators: [...this.operators.values()],
      missingWhere: this.missingWhere,
      settings: this.settings,
      columns: [...this.columns],
      unknown: [...this.unknown],
      names: this.names,
      secret: this.secret,
      copy: this.copy,
    }
  }
}

export function write(node: Node, found: Findings): void {
  const relation = node['relation'] as Node | undefined
  if (relation === undefined) return
  addRelation(relation, found.writes, [])
  addAlias(relation, found)
}

/** New names for the columns of a relation hide which ones are mentioned: then all are. */
export function addAlias(node: Node, found: Findings): void {
  const alias = node['alias'] as { colnames?: unknown[] } | undefined
  if (alias?.colnames !== undefined) found.columns.add('*')
}

export function addRelation(node: Node, to: Map<string, NamedRelation>, scope: Scope): void {
  const name = String(node['relname'])
  const schema = node['schemaname'] === undefined ? undefined : String(node['schemaname'])
  if (schema === undefined && scope.includes(name)) return
  to.set(keyOf({ schema, name }), { schema, name })
}

export function addName(list: unknown, to: Map<string, NamedRelation>): void {
  const name = readName(list)
  if (name !== undefined) to.set(keyOf(name), name)
}

export function readName(list: unknown): NamedRelation | undefined {
  if (!Array.isArray(list)) return undefined
  const parts = list.map((item: { String?: { sval?: string } }) => item.String?.sval ?? '')
  const name = parts.at(-1)
  return name === undefined ? undefined : { schema: parts.at(-2), name }
}

export const keyOf = ({ schema, name }: NamedRelation): string => JSON.stringify([schema, name])
