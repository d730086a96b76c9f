import { Environment, type ASTNode } from '@marcbachmann/cel-js'
import type { Person, Statement, Target } from './command.ts'
import type { PolicyLanguage } from './language.ts'

/** A CEL expression of a rule (`when:`), checked when the file is loaded. */
export interface Condition {
  readonly source: string
  /** Constants that are looked for among the groups of a person: `'sre' in person.groups`. */
  readonly groups: readonly string[]
  /**
   * `undefined` where it could not be evaluated: whoever asks decides on the safe side. `surely`: of the statement as it stands; otherwise also where it holds
   * of another way in which the target may read it.
   */
  holds(subject: ConditionSubject, surely: boolean): boolean | undefined
}

export interface ConditionSubject {
  readonly person: Person
  readonly target: Target
  /** Absent in access rules. */
  readonly statement?: Statement
}

/** Parses and type-checks; throws an Error whose message says what is wrong with the expression. */
export function parseCondition(source: string, scope: 'access' | 'command', language: PolicyLanguage): Condition {
  const { access, command, absent } = environmentsOf(language)
  const expression = (scope === 'access' ? access : command).parse(source)
  refuseMatches(expression.ast)
  const check = expression.check()
  if (!check.valid) {
    const problem = firstLine(check.error?.message ?? 'does not type-check')
    throw new Error(problem + whereVariablesAre(problem, scope, language))
  }
  if (check.type !== 'bool' && check.type !== 'dyn') throw new Error(`must be true or false, is ${check.type}`)
  return {
    source,
    groups: groupsIn(expression.ast),
    holds({ person, target, statement }, surely) {
      const holdsOf = (values: () => Readonly<Record<string, unknown>> | undefined): boolean | undefined => {
        try {
          const own = values()
          return (
            expression({
              person: { ...person, groups: [...person.groups] },
              target: { ...target, labels: { ...target.labels } },
              ...(own === undefined ? {} : { statement: { ...absent, ...own } }),
            }) === true
          )
        } catch {
          return undefined
        }
      }
      if (statement === undefined) return holdsOf(() => undefined)
      const first = holdsOf(() => valuesOf(statement, language))
      if (surely || first === true) return first
      const others = language.otherValuesOf(statement).map((values) => holdsOf(() => values))
      if (others.includes(true)) return true
      return first === undefined || others.includes(undefined) ? undefined : false
    },
  }
}

/** What to write for a variable that there is not: fields of the statement are not variables of their own. */
function whereVariablesAre(problem: string, scope: 'access' | 'command', language: PolicyLanguage): string {
  const [, name] = /^Unknown variable: (\w+)$/.exec(problem) ?? []
  if (name === undefined) return ''
  if (scope === 'access') return '; in rules for access there are person and target'
  const fields = [...COMMON, ...language.vocabularies.flatMap(({ variables }) => Object.keys(variables))]
  return fields.includes(name) ? `; write statement.${name}` : '; there are person, target and statement'
}

/** What every statement has. */
const COMMON = ['kinds', 'reads', 'writes', 'unknown'] as const

/** Throws where something of it cannot be told: nothing is said to be true of that. */
function valuesOf(statement: Statement, language: PolicyLanguage): Record<string, unknown> {
  const { kinds, reads, writes, unknown } = statement
  const own = language.valuesOf(statement)
  if (own === undefined) throw new Error('a word of the command is known only when it runs')
  return { kinds, reads, writes, unknown, ...own }
}

/** What a variable of a macro stands for: a group of the person, or one of these constants. */
type Bound = ReadonlyMap<string, 'group' | readonly string[]>

/** Of `x in person.groups` and `g == x`, wherever they stand, and of macros over groups or lists of constants. */
function groupsIn(node: unknown, bound: Bound = new Map()): string[] {
  if (Array.isArray(node)) return node.flatMap((part) => groupsIn(part, bound))
  if (!isNode(node)) return []
  const parts = Array.isArray(node.args) ? (node.args as readonly unknown[]) : [node.args]
  const [first, second, third] = parts
  if (node.op === 'in') {
    if (isGroups(second)) return constantsOf(first, bound)
    if (isGroup(first, bound)) return constantsOf(second, bound)
  }
  if (node.op === '==' || node.op === '!=') {
    if (isGroup(first, bound)) return constantsOf(second, bound)
    if (isGroup(second, bound)) return constantsOf(first, bound)
  }
  if (node.op !== 'rcall' || !Array.isArray(third)) return parts.flatMap((part) => groupsIn(part, bound))
  const [variable] = third as readonly unknown[]
  const inner = new Map(bound)
  if (isNode(variable) && variable.op === 'id')
    inner.set(String(variable.args), isGroups(second) ? 'group' : constantsOf(second, bound))
  return [...groupsIn(second, bound), ...groupsIn(third, inner)]
}

function constantsOf(node: unknown, bound: Bound): string[] {
  if (!isNode(node)) return []
  if (node.op === 'value') return typeof node.args === 'string' ? [node.args] : []
  if (node.op === 'list') return (node.args as readonly unknown[]).flatMap((part) => constantsOf(part, bound))
  const constants = node.op === 'id' ? bound.get(String(node.args)) : undefined
  return constants === undefined || constants === 'group' ? [] : [...constants]
}

/** `person.groups`, or `person["groups"]`. */
function isGroups(node: unknown): boolean {
  if (!isNode(node) || (node.op !== '.' && node.op !== '[]')) return false
  const [owner, field] = node.args as readonly unknown[]
  const name = isNode(field) && field.op === 'value' ? field.args : field
  return isNode(owner) && owner.op === 'id' && owner.args === 'person' && name === 'groups'
}

/** One of them: by a macro's variable, or by its place. */
const isGroup = (node: unknown, bound: Bound): boolean =>
  isNode(node) &&
  ((node.op === 'id' && bound.get(String(node.args)) === 'group') ||
    (node.op === '[]' && isGroups((node.args as readonly unknown[])[0])))

const isNode = (node: unknown): node is { readonly op: string; readonly args: unknown } =>
  node !== null && typeof node === 'object' && 'op' in node && 'args' in node

/** `matches` runs JavaScript's backtracking engine: one crafted value would stop the gateway for everybody. */
function refuseMatches(node: unknown): void {
  if (Array.isArray(node)) return node.forEach(refuseMatches)
  if (node === null || typeof node !== 'object' || !('op' in node)) return
  const { op, args } = node as ASTNode
  if ((op === 'call' || op === 'rcall') && args[0] === 'matches') {
    throw new Error('matches() is not allowed: use ==, in, startsWith, endsWith or contains')
  }
  refuseMatches(args)
}

const firstLine = (text: string): string => text.split('\n')[0] as string

interface Environments {
  readonly access: Environment
  readonly command: Environment
  /** What a statement of another vocabulary has in a field. */
  readonly absent: Readonly<Record<string, unknown>>
}

function environmentsOf(language: PolicyLanguage): Environments {
  const known = environments.get(language)
  if (known !== undefined) return known
  const variables = language.vocabularies.flatMap((vocabulary) => Object.entries(vocabulary.variables))
  const made = {
    access: withSubjects(),
    command: withSubjects().registerVariable('statement', {
      schema: {
        ...Object.fromEntries(COMMON.map((name) => [name, 'list<string>'])),
        ...Object.fromEntries(variables.map(([name, { type }]) => [name, type])),
      },
    }),
    absent: Object.fromEntries(variables.map(([name, { absent }]) => [name, absent])),
  }
  environments.set(language, made)
  return made
}

const environments = new WeakMap<PolicyLanguage, Environments>()

const withSubjects = (): Environment =>
  new Environment({ limits: { maxAstNodes: 500, maxDepth: 50 } })
    .registerVariable('person', {
      schema: { id: 'string', kind: 'string', label: 'string', groups: 'list<string>' },
    })
    .registerVariable('target', { schema: { name: 'string', type: 'string', labels: 'map<string, string>' } })
