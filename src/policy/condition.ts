import { Environment, type ASTNode } from '@marcbachmann/cel-js'
import type { Person, Statement, Target } from './command.ts'

/** A CEL expression of a rule (`when:`), checked when the file is loaded. */
export interface Condition {
  readonly source: string
  /** `undefined` where it could not be evaluated: whoever asks decides on the safe side. */
  holds(subject: ConditionSubject): boolean | undefined
}

export interface ConditionSubject {
  readonly person: Person
  readonly target: Target
  /** Absent in access rules. */
  readonly statement?: Statement
}

/** Parses and type-checks; throws an Error whose message says what is wrong with the expression. */
export function parseCondition(source: string, scope: 'access' | 'command'): Condition {
  const expression = (scope === 'access' ? accessEnvironment : commandEnvironment).parse(source)
  refuseMatches(expression.ast)
  const check = expression.check()
  if (!check.valid) throw new Error(firstLine(check.error?.message ?? 'does not type-check'))
  if (check.type !== 'bool' && check.type !== 'dyn') throw new Error(`must be true or false, is ${check.type}`)
  return {
    source,
    holds({ person, target, statement }) {
      try {
        return (
          expression({
            person: { ...person, groups: [...person.groups] },
            target: { ...target, labels: { ...target.labels } },
            ...(statement === undefined ? {} : { statement: { ...NOTHING, ...statement, ...wordsOf(statement) } }),
          }) === true
        )
      } catch {
        return undefined
      }
    },
  }
}

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

function environment(scope: 'access' | 'command'): Environment {
  const env = new Environment({ limits: { maxAstNodes: 500, maxDepth: 50 } })
    .registerVariable('person', {
      schema: { id: 'string', kind: 'string', label: 'string', groups: 'list<string>' },
    })
    .registerVariable('target', { schema: { name: 'string', type: 'string', labels: 'map<string, string>' } })
  if (scope === 'access') return env
  return env.registerVariable('statement', {
    schema: {
      kinds: 'list<string>',
      reads: 'list<string>',
      writes: 'list<string>',
      behind: 'list<string>',
      functions: 'list<string>',
      missingWhere: 'bool',
      unknown: 'list<string>',
      argv: 'list<string>',
      login: 'string',
      opaque: 'list<string>',
      endpoints: 'list<string>',
    },
  })
}

/** What a statement of another protocol has none of. */
const NOTHING = { behind: [], functions: [], missingWhere: false, login: '', opaque: [], endpoints: [] }

/** Of a word that nobody can tell, nothing is said to be true: the condition cannot be evaluated. */
function wordsOf(statement: Statement): { argv: readonly string[] } | undefined {
  if (!('argv' in statement)) return { argv: [] }
  if (statement.argv.includes(null)) return undefined
  return { argv: statement.argv as readonly string[] }
}

const accessEnvironment = environment('access')
const commandEnvironment = environment('command')
