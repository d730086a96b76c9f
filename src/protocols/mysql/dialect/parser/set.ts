import type { Expression, Utility, UtilityDetail } from '../../../../sql/query.ts'
import { Kind } from '../tokens.ts'
import { readAccount } from './accounts.ts'
import { assign, utility } from './build.ts'
import { fold, variableName, type Cursor } from './cursor.ts'
import { readExpression } from './clauses.ts'
import { readSystemVariable, SCOPES } from './operands.ts'

/** What SET does, as far as it has been read. */
interface Found {
  readonly does: Set<string>
  readonly settings: UtilityDetail['settings'][number][]
  readonly expressions: Expression[]
  secret: boolean
  readWrite: boolean
}

/**
 * SET in all its forms. Names of settings are lower case, with `global.` for those of the server. Source: MySQL manual, SET Statements;
 * MariaDB, SET.
 */
export function readSet(cursor: Cursor): Utility {
  cursor.expect('SET')
  const found: Found = { does: new Set(), settings: [], expressions: [], secret: false, readWrite: false }
  if (cursor.isMariadb && cursor.take('STATEMENT')) return readSetStatement(found, cursor)
  if (!readAlone(found, cursor)) readAssignments(found, cursor)
  return toUtility(found)
}

const toUtility = ({ does, settings, expressions, secret, readWrite }: Found, more: Partial<Utility> = {}): Utility =>
  utility([...does], { ...more, expressions, detail: { settings, secret, readWrite } })

/** SET STATEMENT … FOR statement: the settings apply to that statement only. */
function readSetStatement(found: Found, cursor: Cursor): Utility {
  cursor.list(() => {
    // MariaDB only accepts session settings here, and none that affects how the rest is read.
    const name = fold(cursor.name())
    cursor.expectSign('=')
    found.does.add('set')
    found.settings.push({ name, value: readSetting(found, cursor) })
  })
  cursor.expect('FOR')
  return toUtility(found, { statements: [cursor.nest(() => cursor.read.statement(cursor))] })
}

/** Forms that are not assignments: roles, transactions, resource groups. */
function readAlone(found: Found, cursor: Cursor): boolean {
  if (cursor.take('DEFAULT', 'ROLE')) {
    found.does.add('set-default-role')
    readRoles(cursor)
    if (cursor.takeAny('FOR', 'TO') !== undefined) cursor.list(() => readAccount(cursor))
    return true
  }
  if (cursor.is('ROLE') && !cursor.isSignAt(1, '=') && !cursor.isSignAt(1, ':=')) {
    cursor.at++
    found.does.add('set-role')
    readRoles(cursor)
    return true
  }
  if (!cursor.isMariadb && cursor.take('RESOURCE', 'GROUP')) {
    found.does.add('set-resource-group')
    cursor.name()
    if (cursor.take('FOR'))
      do cursor.integer()
      while (cursor.takeSign(',') || cursor.kind === Kind.integer)
    return true
  }
  const isScoped = cursor.isAny('GLOBAL', 'SESSION', 'LOCAL') && cursor.wordAt(1) === 'TRANSACTION'
  if (!isScoped && !(cursor.is('TRANSACTION') && !cursor.isSignAt(1, '='))) return false
  const scope = isScoped && cursor.is('GLOBAL') ? 'global.' : ''
  cursor.at += isScoped ? 2 : 1
  found.does.add(scope === '' ? 'set-transaction' : 'set-global')
  cursor.list(() => readCharacteristic(scope, found, cursor))
  return true
}

function readRoles(cursor: Cursor): void {
  if (cursor.takeAny('NONE', 'DEFAULT') !== undefined) return
  if (cursor.take('ALL')) {
    if (cursor.take('EXCEPT')) cursor.list(() => readAccount(cursor))
    return
  }
  cursor.list(() => readAccount(cursor))
}

function readCharacteristic(scope: string, found: Found, cursor: Cursor): void {
  if (cursor.take('ISOLATION', 'LEVEL')) {
    const first = cursor.expectAny('READ', 'REPEATABLE', 'SERIALIZABLE')
    const second =
      first === 'READ'
        ? cursor.expectAny('COMMITTED', 'UNCOMMITTED')
        : first === 'REPEATABLE'
          ? cursor.expectAny('READ')
          : undefined
    const value = second === undefined ? first : `${first}-${second}`
    found.settings.push({ name: `${scope}transaction_isolation`, value })
    return
  }
  cursor.expect('READ')
  const isWrite = cursor.expectAny('WRITE', 'ONLY') === 'WRITE'
  if (isWrite) found.readWrite = true
  found.settings.push({ name: `${scope}transaction_read_only`, value: isWrite ? 'OFF' : 'ON' })
}

/** Assignments separated by commas. Whether GLOBAL also applies to those after it depends on the version: both are assumed. */
function readAssignments(found: Found, cursor: Cursor): void {
  let before: string | undefined
  cursor.list(() => {
    const scope = cursor.isSignAt(1, '=') || cursor.isSignAt(1, ':=') ? undefined : takeScope(cursor)
    if (scope !== undefined) before = scope
    if (scope === undefined && readSpecial(found, cursor)) return
    if (cursor.kind === Kind.systemVariable) {
      if (scope !== undefined) cursor.fail('a name')
      const at = cursor.at
      const name = readSystemVariable(cursor)
      const isPersist = fold(cursor.tokens.value(at + 1)).startsWith('persist')
      addSetting(name, isPersist ? 'set-persist' : undefined, found, cursor)
      return
    }
    const name = readName(cursor)
    if (scope !== undefined) {
      addSetting(scoped(scope, name), kindOf(scope), found, cursor)
      return
    }
    const value = addSetting(name, undefined, found, cursor)
    if (before === undefined || before === 'session' || before === 'local') return
    found.does.add(kindOf(before) ?? 'set-global')
    found.settings.push({ name: scoped(before, name), value })
  })
}

const scoped = (scope: string, name: string): string => {
  const known = SCOPES.get(scope)
  return known === undefined ? name : `${known}.${name}`
}

const kindOf = (scope: string): string | undefined => (scope.startsWith('persist') ? 'set-persist' : undefined)

function takeScope(cursor: Cursor): string | undefined {
  return (
    cursor.takeAny('GLOBAL', 'SESSION', 'LOCAL') ??
    (cursor.isMariadb ? undefined : cursor.takeAny('PERSIST', 'PERSIST_ONLY'))
  )?.toLowerCase()
}

/** `name`, or `cache.name`. */
function readName(cursor: Cursor): string {
  const first = fold(cursor.name((word) => cursor.words.isReserved(word) && word !== 'SQL_BUFFER_RESULT'))
  return cursor.takeSign('.') ? `${first}.${fold(cursor.name())}` : first
}

function addSetting(name: string, kind: string | undefined, found: Found, cursor: Cursor): string | undefined {
  if (!cursor.takeSign(':=')) cursor.expectSign('=')
  const value = readSetting(found, cursor)
  found.does.add(kind ?? (name.startsWith('global.') ? 'set-global' : 'set'))
  found.settings.push({ name, value })
  return value
}

/** The value of a setting if it is a literal or a word; any other is added to the expressions. */
function readSetting(found: Found, cursor: Cursor): string | undefined {
  if (cursor.take('DEFAULT')) return undefined
  const word = cursor.takeAny('ON', 'ALL', 'BINARY', 'ROW', 'SYSTEM')
  if (word !== undefined && isEndOfValue(cursor)) return word
  if (word !== undefined) cursor.at--
  const value = readExpression(cursor)
  if (value.kind === 'column' && value.path.length === 1) return value.path[0]
  found.expressions.push(value)
  if (value.kind !== 'constant') return undefined
  return value.type === 'null' ? 'NULL' : value.value
}

const isEndOfValue = (cursor: Cursor): boolean => cursor.isAtStatementEnd || cursor.isSign(',') || cursor.is('FOR')

/** NAMES, CHARACTER SET, PASSWORD and user variables. */
function readSpecial(found: Found, cursor: Cursor): boolean {
  if (cursor.kind === Kind.userVariable) {
    const variable = variableName(cursor.tokens.value(cursor.at++))
    if (!cursor.takeSign(':=')) cursor.expectSign('=')
    found.does.add('set-user-variable')
    const text = cursor.loneText
    const node = assign(variable, readExpression(cursor))
    found.expressions.push(text === undefined ? node : { ...node, text })
    return true
  }
  if (cursor.isSignAt(1, '=') && !cursor.is('PASSWORD')) return false
  if (cursor.take('NAMES')) {
    const charset = readCharset(cursor)
    if (cursor.take('COLLATE') && cursor.takeText() === undefined && !cursor.take('BINARY')) cursor.name()
    setCharset(['client', 'connection', 'results'], charset, found)
    return true
  }
  if (cursor.take('CHARACTER', 'SET') || cursor.take('CHAR', 'SET') || cursor.take('CHARSET')) {
    // The character set of literals is then that of the default database.
    setCharset(['client', 'results'], readCharset(cursor), found)
    return true
  }
  if (!cursor.is('PASSWORD')) return false
  cursor.at++
  readPassword(found, cursor)
  return true
}

function setCharset(parts: readonly string[], value: string | undefined, found: Found): void {
  found.does.add('set')
  for (const part of parts) found.settings.push({ name: `character_set_${part}`, value })
}

function readCharset(cursor: Cursor): string | undefined {
  if (cursor.take('DEFAULT')) return undefined
  if (cursor.take('BINARY')) return 'binary'
  return fold(cursor.takeText() ?? cursor.name())
}

function readPassword(found: Found, cursor: Cursor): void {
  found.does.add('set-password')
  found.secret = true
  if (cursor.take('FOR')) readAccount(cursor)
  if (!cursor.isMariadb && cursor.take('TO', 'RANDOM')) {
    if (cursor.take('REPLACE')) cursor.text()
    if (cursor.takeAny('RETAIN') !== undefined) cursor.expect('CURRENT', 'PASSWORD')
    return
  }
  if (!cursor.takeSign(':=')) cursor.expectSign('=')
  if (cursor.takeAny('PASSWORD', 'OLD_PASSWORD') !== undefined) {
    cursor.expectSign('(')
    cursor.text()
    cursor.expectSign(')')
  } else cursor.text()
  if (cursor.isMariadb) return
  if (cursor.take('REPLACE')) cursor.text()
  if (cursor.takeAny('RETAIN') !== undefined) cursor.expect('CURRENT', 'PASSWORD')
}
