import { bind, type Bind } from '../../src/protocols/postgres/wire/bind.ts'
import { decodeClientMessage } from '../../src/protocols/postgres/wire/client-message.ts'
import { Framer, type Frame } from '../../src/protocols/postgres/wire/framer.ts'
import { rowDescription, type Column } from '../../src/protocols/postgres/wire/row-description.ts'
import {
  encodeError,
  encodeMessage,
  encodeNotice,
  parameterStatus,
  readyForQuery,
  type TransactionStatus,
} from '../../src/protocols/postgres/wire/server-message.ts'

const raw = (tag: string, body: Buffer = Buffer.alloc(0)): Buffer => {
  const out = Buffer.alloc(5 + body.length)
  out.write(tag, 'latin1')
  out.writeUInt32BE(4 + body.length, 1)
  body.copy(out, 5)
  return out
}
const column = (name: string, tableOid: number, attribute: number, typeOid: number): Column => ({
  name,
  tableOid,
  attribute,
  typeOid,
  typeSize: -1,
  typeModifier: -1,
  format: 0,
})
const COLUMNS: Readonly<Record<string, Column>> = {
  id: column('id', 20_000, 1, 23),
  email: column('email', 20_000, 2, 25),
}
const row = (values: readonly string[]): Buffer => {
  const body = [Buffer.from([0, values.length])]
  for (const value of values) {
    const length = Buffer.alloc(4)
    length.writeInt32BE(Buffer.byteLength(value))
    body.push(length, Buffer.from(value))
  }
  return raw('D', Buffer.concat(body))
}
const complete = (tag: string): Buffer => raw('C', Buffer.from(`${tag}\0`))
const fields = (code: string, severity = 'ERROR'): Map<string, string> =>
  new Map([
    ['S', severity],
    ['V', severity],
    ['C', code],
    ['M', 'jane@example.com'],
  ])
const NOTIFICATION = raw('A', Buffer.concat([Buffer.from([0, 0, 0, 1]), Buffer.from('channel\0payload\0')]))

/**
 * A server as far as the order of its messages goes. What it does besides is said by the first parameter of a statement, or by a word in its text: a number
 * is how many rows come; `boom` fails while it runs, `refused` when it is bound; `notice`, `setting` and `notify` say something before the result,
 * `other` has other columns than before, `twice` is answered twice, `nonsense` with what no server says, `long` has a long row.
 */
export class ModelPostgres {
  readonly out: Buffer[] = []
  readonly #framer = new Framer(10_000_000, 'the client')
  readonly #statements = new Map<string, string>()
  readonly #portals = new Map<string, { sql: string; word: string }>()
  #status: TransactionStatus = 'I'
  #skips = false

  push(bytes: Buffer): void {
    this.#framer.push(bytes, (frame) => this.#take(frame))
  }

  #say(...messages: Buffer[]): void {
    this.out.push(...messages)
  }

  #take(frame: Frame): void {
    const message = decodeClientMessage(frame)
    if (this.#skips && message.type !== 'sync') return
    switch (message.type) {
      case 'query':
        this.#statements.delete('')
        this.#portals.delete('')
        this.#run(message.sql, /'(\w+)'/.exec(message.sql)?.[1] ?? '0', true)
        return this.#say(readyForQuery(this.#status))
      case 'parse':
        this.#statements.set(message.statement, message.sql)
        return this.#say(raw('1'))
      case 'bind':
        return this.#bind(message)
      case 'describe': {
        const sql =
          message.subject === 'portal' ? this.#portals.get(message.name)?.sql : this.#statements.get(message.name)
        if (sql === undefined) return this.#fail('34000')
        if (message.subject === 'statement') this.#say(raw('t', Buffer.from([0, 0])))
        return this.#say(this.#described(sql, this.#portals.get(message.name)?.word))
      }
      case 'execute': {
        const portal = this.#portals.get(message.portal)
        if (portal === undefined) return this.#fail('34000')
        return this.#run(portal.sql, portal.word, false, message.maxRows)
      }
      case 'close':
        if (message.subject === 'statement') this.#statements.delete(message.name)
        else this.#portals.delete(message.name)
        return this.#say(raw('3'))
      case 'sync':
        this.#skips = false
        if (this.#status === 'I') this.#portals.clear()
        return this.#say(readyForQuery(this.#status))
      case 'flush':
      case 'terminate':
      case 'function-call':
      case 'copy-data':
      case 'copy-done':
      case 'copy-fail':
        return undefined
    }
  }

  #bind(message: Bind): void {
    const sql = this.#statements.get(message.statement)
    const word = message.parameters[0]?.toString() ?? '1'
    if (sql === undefined || word === 'refused') return this.#fail('26000')
    this.#portals.set(message.portal, { sql, word })
    this.#say(raw('2'))
  }

  #described(sql: string, word = ''): Buffer {
    const names = word === 'other' ? ['email', 'email'] : columnsOf(sql)
    if (names.length === 0) return raw('n')
    return encodeMessage(rowDescription, {
      type: 'row-description',
      columns: names.map((name) => COLUMNS[name] as Column),
    })
  }

  #run(sql: string, word: string, isSimple: boolean, maxRows = 0): void {
    if (this.#status === 'E' && !sql.startsWith('rollback')) return this.#fail('25P02', isSimple)
    if (word === 'boom') return this.#fail('22012', isSimple)
    if (word === 'notice') this.#say(encodeNotice(fields('00000', 'NOTICE')))
    if (word === 'setting') this.#say(parameterStatus('application_name', 'x'))
    if (word === 'notify') this.#say(NOTIFICATION)
    if (word === 'nonsense') this.#say(raw('W'))
    const names = columnsOf(sql)
    if (names.length === 0) {
      if (sql.startsWith('begin')) this.#status = 'T'
      if (/^(commit|rollback)/.test(sql)) this.#status = 'I'
      const [verb = ''] = sql.split(/\W/)
      const tag = verb === 'insert' ? 'INSERT 0 1' : verb === 'update' ? `UPDATE ${Number(word) || 0}` : verb
      return this.#say(complete(tag.toUpperCase()))
    }
    if (isSimple) this.#say(this.#described(sql, word))
    const value = word === 'long' ? 'x'.repeat(3000) : 'jane@example.com'
    const rows = word === 'long' ? 2 : Number(word) || 0
    const shown = maxRows > 0 ? Math.min(rows, maxRows) : rows
    for (let n = 0; n < shown; n++) this.#say(row(names.map((name) => (name === 'id' ? String(n) : value))))
    this.#say(shown < rows || (maxRows > 0 && shown === maxRows) ? raw('s') : complete(`SELECT ${rows}`))
    if (word === 'twice') this.#say(complete(`SELECT ${rows}`))
  }

  #fail(code: string, isSimple = false): void {
    this.#say(encodeError(fields(code)))
    if (this.#status === 'T') this.#status = 'E'
    this.#skips = !isSimple
  }
}

/** In the model, what stands between SELECT and FROM. */
const columnsOf = (sql: string): string[] => /^select (.*?) from/.exec(sql)?.[1]?.split(', ') ?? []

export const bindOf = (statement: string, values: readonly (string | null)[], given: Partial<Bind> = {}): Buffer =>
  encodeMessage(bind, {
    type: 'bind',
    portal: '',
    statement,
    parameterFormats: [],
    parameters: values.map((value) => (value === null ? null : Buffer.from(value))),
    resultFormats: [],
    ...given,
  })
