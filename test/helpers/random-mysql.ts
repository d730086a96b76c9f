/** Statements by chance over the grammar of expressions, queries and writes; the same ones for the same seed. */
export class RandomMysql {
  #state: number

  constructor(seed: number) {
    this.#state = seed
  }

  next(below: number): number {
    this.#state = (Math.imul(this.#state, 1_103_515_245) + 12_345) & 0x7fffffff
    return (this.#state >>> 8) % below
  }

  pick<T>(all: readonly T[]): T {
    return all[this.next(all.length)] as T
  }

  #maybe(text: string): string {
    return this.next(3) === 0 ? text : ''
  }

  #list(read: () => string, most = 3): string {
    return Array.from({ length: 1 + this.next(most) }, read).join(', ')
  }

  expression(depth = 3): string {
    const e = (): string => this.expression(depth - 1)
    if (depth === 0)
      return this.pick([
        'a',
        't1.b',
        '`c d`',
        '1',
        '-2.5',
        '1e3',
        "'x'",
        "'it''s' 'y'",
        'NULL',
        'TRUE',
        '@v',
        '@@sql_mode',
        "x'41'",
        '0x41',
        "_utf8mb4'z'",
        "DATE '2020-01-01'",
        'CURRENT_TIMESTAMP',
        'COUNT(*)',
        '.5',
      ])
    return this.pick([
      e,
      () => `(${e()})`,
      () => `${e()} ${this.pick(['+', '-', '*', '/', '%', 'DIV', 'MOD', '|', '&', '<<', '^'])} ${e()}`,
      () =>
        `(${e()} ${this.pick(['=', '<>', '!=', '<=>', '<', '>=', 'LIKE', 'REGEXP', 'AND', 'OR', 'XOR', '||', '&&'])} ${e()})`,
      () => `NOT (${e()})`,
      () => `-${e()}`,
      () => `! ${e()}`,
      () => `(${e()} IS ${this.#maybe('NOT ')}${this.pick(['NULL', 'TRUE', 'UNKNOWN'])})`,
      () => `(${e()} ${this.#maybe('NOT ')}IN (${this.#list(e)}))`,
      () => `(${e()} BETWEEN ${e()} AND ${e()})`,
      () => `(${e()} IN (${this.query(depth - 1)}))`,
      () => `EXISTS (${this.query(depth - 1)})`,
      () => `(${this.query(depth - 1)})`,
      () => `CASE ${this.#maybe(e())} WHEN ${e()} THEN ${e()} ${this.#maybe(`ELSE ${e()}`)} END`,
      () => `${this.pick(['CONCAT', 'COALESCE', 'GREATEST', 'some_function'])}(${e()}, ${e()})`,
      () => `IF(${e()}, ${e()}, ${e()})`,
      () => `CAST(${e()} AS ${this.pick(['CHAR(5)', 'SIGNED', 'DECIMAL(5, 2)', 'DATE'])})`,
      () => `CONVERT(${e()} USING latin1)`,
      () => `DATE_ADD(${e()}, INTERVAL ${e()} ${this.pick(['DAY', 'HOUR_SECOND', 'YEAR'])})`,
      () => `(${e()} + INTERVAL ${e()} DAY)`,
      () => `TRIM(${this.pick(['BOTH', 'LEADING'])} ${e()} FROM ${e()})`,
      () => `SUM(${this.#maybe('DISTINCT ')}${e()}) ${this.#maybe('OVER (PARTITION BY a ORDER BY b)')}`,
      () => `GROUP_CONCAT(${e()} ORDER BY a SEPARATOR '-')`,
      () => `BINARY ${e()}`,
      () => `(${e()} COLLATE utf8mb4_bin)`,
    ])()
  }

  #from(depth: number): string {
    const table = (): string =>
      this.pick([
        () => this.pick(['t1', 't2', 'other.t3']),
        () => `t1 ${this.#maybe('AS')} x${this.next(9)}`,
        () => `(${this.query(depth - 1)}) AS q${this.next(9)}`,
        () => 't2 USE INDEX (i)',
      ])()
    const join = (): string =>
      this.pick([
        () => table(),
        () => `${table()} JOIN ${table()} ON ${this.expression(1)}`,
        () => `${table()} LEFT JOIN ${table()} USING (a)`,
        () => `${table()} NATURAL JOIN ${table()}`,
        () => `${table()} STRAIGHT_JOIN ${table()}`,
        () => `(${table()}, ${table()})`,
      ])()
    return this.#list(join, 2)
  }

  #select(depth: number): string {
    if (depth <= 0) return 'SELECT 1'
    const items = this.#list(() => this.expression(depth))
    const group = ` GROUP BY ${this.#list(() => this.expression(1))}${this.#maybe(' HAVING a > 1')}`
    const where = ` WHERE ${this.expression(depth)}`
    return `SELECT ${this.#maybe('DISTINCT ')}${items}${this.#maybe(' AS z')} FROM ${this.#from(depth)}${this.#maybe(where)}${this.#maybe(group)}`
  }

  query(depth = 2): string {
    const select = this.#select(depth)
    return this.pick([
      () => `${select}${this.#maybe(` ORDER BY ${this.expression(1)} DESC`)}${this.#maybe(' LIMIT 5')}`,
      () => `${select} UNION ${this.#maybe('ALL ')}${this.#select(depth - 1)}`,
      () => `(${select}) EXCEPT (${this.#select(depth - 1)})`,
      () => `WITH c AS (${depth > 0 ? this.query(depth - 1) : 'SELECT 1'}) ${select}`,
    ])()
  }

  statement(): string {
    const where = (): string => this.#maybe(` WHERE ${this.expression(2)}`)
    const set = (): string => this.#list(() => `${this.pick(['a', 'b'])} = ${this.expression(2)}`)
    return this.pick([
      () => this.query(3),
      () => this.query(2),
      () =>
        `INSERT INTO t1 (a, b) VALUES (${this.expression(2)}, DEFAULT)${this.#maybe(' ON DUPLICATE KEY UPDATE a = VALUES(a)')}`,
      () => `REPLACE t1 ${this.query(2)}`,
      () => `UPDATE t1 SET ${set()}${where()}${this.#maybe(' LIMIT 3')}`,
      () => `UPDATE t1 JOIN t2 ON ${this.expression(1)} SET ${set()}${where()}`,
      () => `DELETE FROM t1${where()}${this.#maybe(' ORDER BY a')}`,
      () => `DELETE t1 FROM t1, t2${where()}`,
      () => `SET @x = ${this.expression(2)}`,
      () => `DO ${this.expression(2)}`,
      () => `EXPLAIN ${this.query(1)}`,
    ])()
  }

  /** With a piece of another statement somewhere, or without one of its own. */
  mutated(statements: readonly string[]): string {
    const pieces = this.pick(statements).split(/(?<=\W)|(?=\W)/)
    const others = this.pick(statements).split(/(?<=\W)|(?=\W)/)
    const at = this.next(pieces.length)
    pieces.splice(at, this.next(2), ` ${this.pick(others)} `)
    return pieces.join('')
  }
}
