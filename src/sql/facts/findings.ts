import type { Copy, Name, Select, Statement } from '../query.ts'
import type { Dialect } from '../dialect.ts'
import type { Scope } from './row-names.ts'
import type { Conversion, FieldReference, LiteralPlace, NewerWord, ParsedStatement } from './parsed-statement.ts'

/** The facts of one statement, while it is read. */
export class Findings {
  readonly dialect: Dialect
  /** Reads statements that stand within others: it knows every kind of them. */
  readonly read: StatementReader
  readonly kinds = new Set<string>()
  readonly reads = new Map<string, Name>()
  readonly writes = new Map<string, Name>()
  readonly makes = new Map<string, Name>()
  readonly functions = new Map<string, Name>()
  readonly operators = new Map<string, Name>()
  readonly fields = new Map<string, FieldReference>()
  readonly settings: { readonly name: string; readonly value: string | undefined }[] = []
  readonly unknown = new Set<string>()
  readonly names: string[] = []
  readonly typeNames = new Set<string>()
  readonly conversions = new Map<string, Conversion>()
  /** By parameter number, what it is converted to at each of its places; undefined: nothing. */
  readonly parameters = new Map<
    number,
    { readonly to: Conversion['to'] | undefined; readonly how: Conversion['how'] }[]
  >()
  /** PREPARE name (types). */
  declaresParameters = false
  missingWhere = false
  cascade = false
  explainRuns = false
  readWrite = false
  /** The innermost SELECT that is being read. */
  select: Select | undefined
  executes: string | undefined
  opaqueSettings = false
  renamesSchema: string | undefined
  secret = false
  copy: Copy | undefined

  constructor(dialect: Dialect, read: StatementReader) {
    this.dialect = dialect
    this.read = read
  }

  noteParameter(number: number, to: Conversion['to'] | undefined, how: Conversion['how'] = 'explicit'): void {
    const places = this.parameters.get(number) ?? []
    this.parameters.set(number, [...places, { to, how }])
  }

  /** Adds the facts of a statement that is planned but not run: what it would write is only read. */
  addPlanned(planned: Findings): void {
    for (const [key, relation] of [...planned.reads, ...planned.writes]) this.reads.set(key, relation)
    // Planning may run functions that are immutable.
    for (const [key, name] of planned.functions) this.functions.set(key, name)
    for (const [key, name] of planned.operators) this.operators.set(key, name)
    for (const [key, field] of planned.fields) this.fields.set(key, field)
    for (const type of planned.typeNames) this.typeNames.add(type)
    for (const [key, conversion] of planned.conversions) this.conversions.set(key, conversion)
    for (const [number, places] of planned.parameters)
      for (const { to, how } of places) this.noteParameter(number, to, how)
    for (const reason of planned.unknown) this.unknown.add(reason)
    for (const [key, relation] of planned.makes) this.makes.set(key, relation)
    this.executes = planned.executes
    this.settings.push(...planned.settings)
    this.opaqueSettings = planned.opaqueSettings
  }

  finish(tree: Statement, literals: readonly LiteralPlace[], newerWords: readonly NewerWord[] = []): ParsedStatement {
    return {
      tree,
      literals,
      typeNames: [...this.typeNames],
      conversions: [...this.conversions.values(), ...this.#ofParameters()],
      cascade: this.cascade,
      explainRuns: this.explainRuns,
      readWrite: this.readWrite,
      executes: this.executes,
      opaqueSettings: this.opaqueSettings,
      renamesSchema: this.renamesSchema,
      kinds: [...this.kinds],
      reads: [...this.reads.values()],
      writes: [...this.writes.values()],
      makes: [...this.makes.values()],
      functions: [...this.functions.values()],
      operators: [...this.operators.values()],
      missingWhere: this.missingWhere,
      settings: this.settings,
      fields: [...this.fields.values()],
      unknown: [...this.unknown],
      names: this.names,
      secret: this.secret,
      copy: this.copy,
      newerWords,
    }
  }

  /** A parameter has the type of its first place, unless the client declares one. */
  #ofParameters(): Conversion[] {
    return [...this.parameters.values()].flatMap((places) => {
      const [first] = places
      const isOfOneType =
        !this.declaresParameters &&
        (places.length === 1 ||
          places.every(({ to, how }) => how === 'explicit' && JSON.stringify(to) === JSON.stringify(first?.to)))
      const from = isOfOneType ? ('parameter' as const) : undefined
      return places.flatMap(({ to, how }) => (to === undefined ? [] : [{ to, how, from }]))
    })
  }
}

/** Adds what a statement says to the findings; `outer`: what names mean around it. */
export type StatementReader = (node: Statement, found: Findings, outer: Scope) => void

export const add = (name: Name, to: Map<string, Name>): void => void to.set(keyOf(name), name)

/** No name contains the separator. */
export const keyOf = ({ schema, name }: Name): string => (schema === undefined ? name : `${schema}\0${name}`)
