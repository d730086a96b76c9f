/** Statements by chance over the tables of leak-schema.ts, the same for the same seed. */
export function* randomStatements(seed: number, count: number): Generator<string> {
  const random = mulberry(seed)
  const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)] as T
  const chance = (of: number): boolean => random() < of

  const scalar = (columns: readonly string[], depth: number): string => {
    if (depth <= 0) return chance(0.6) ? pick(columns) : pick(["'x'", '1', '12345', 'null', "'2020-01-01'"])
    const next = (): string => scalar(columns, depth - 1)
    return pick([
      next,
      () => `upper((${next()})::text)`,
      () => `coalesce((${next()})::text, (${next()})::text)`,
      () => `((${next()})::text || 'y')`,
      () => `case when ${condition(columns, depth - 1)} then (${next()})::text else 'z' end`,
      () =>
        `(select max((${scalar(['q.label', 'q.id', ...columns], depth - 1)})::text) from plain q where ${condition(['q.id', 'q.ref'], 0)})`,
      () => `array[(${next()})::text]`,
      () => `row(${next()}, ${next()})`,
      () => `to_jsonb((${next()})::text)`,
      () => `nullif((${next()})::text, '')`,
      () => `greatest((${next()})::text, (${next()})::text)`,
    ])()
  }
  const condition = (columns: readonly string[], depth: number): string => {
    const one = (): string => `(${scalar(columns, Math.min(depth, 1))})::text`
    return pick([
      () => `${one()} = 'a'`,
      () => `${one()} like 'b%'`,
      () => `${one()} in ('a', 'b')`,
      () => `${one()} between 'a' and ${one()}`,
      () => `${one()} is distinct from ${one()}`,
      () => `(${pick(columns)})::text is null`,
      () => `${one()} in (select r.body from notes r)`,
      () => `exists (select 1 from people e where e.email = ${one()})`,
      () => `(${one()} = 'q' or ${one()} < 'r')`,
    ])()
  }
  const tables = ['people', 'notes', 'v_plain', 'v_renamed', 'v_join', 'parts', 'parent', 'plain', 'v_union', 'm_mail']
  const columnsOf: Readonly<Record<string, readonly string[]>> = {
    people: ['id', 'name', 'email', 'phone', 'pin', 'team'],
    notes: ['id', 'person', 'body'],
    v_plain: ['id', 'name', 'email'],
    v_renamed: ['n', 'contact', 'shout'],
    v_join: ['body', 'mail'],
    parts: ['id', 'email', 'region'],
    parent: ['id', 'email'],
    plain: ['id', 'label', 'ref'],
    v_union: ['id', 'x'],
    m_mail: ['id', 'kept'],
  }
  const from = (depth: number): { sql: string; columns: readonly string[] } => {
    const alias = `t${Math.floor(random() * 1e6)}`
    const table = pick(tables)
    const named = {
      sql: `${table} ${alias}`,
      columns: (columnsOf[table] as string[]).map((name) => `${alias}.${name}`),
    }
    if (depth <= 0) return named
    return pick([
      () => named,
      () => {
        const [left, right] = [from(depth - 1), from(0)]
        const columns = [...left.columns, ...right.columns]
        return {
          sql: `${left.sql} ${pick(['join', 'left join', 'full join'])} ${right.sql} on ${pick(columns)}::text = ${pick(columns)}::text`,
          columns,
        }
      },
      () => {
        const { sql, width } = select(depth - 1)
        const names = Array.from({ length: width }, (_, index) => `c${index}`)
        return { sql: `(${sql}) ${alias}(${names.join(', ')})`, columns: names.map((name) => `${alias}.${name}`) }
      },
      () => {
        const left = from(depth - 1)
        return {
          sql: `${left.sql}, lateral (select (${pick(left.columns)})::text) ${alias}(l)`,
          columns: [...left.columns, `${alias}.l`],
        }
      },
      () => {
        const names = ['v0', 'v1']
        return {
          sql: `(values (${scalar(["'a'"], 0)}, '1'), ('b', (select max(email) from people))) ${alias}(${names.join(', ')})`,
          columns: names.map((name) => `${alias}.${name}`),
        }
      },
    ])()
  }
  const select = (depth: number): { sql: string; width: number } => {
    if (depth > 0 && chance(0.15)) {
      const width = 1 + Math.floor(random() * 2)
      const side = (): string => {
        const { sql, columns } = from(0)
        return `select ${Array.from({ length: width }, () => `(${scalar(columns, 1)})::text`).join(', ')} from ${sql}`
      }
      return { sql: `${side()} ${pick(['union all', 'union', 'except', 'intersect'])} ${side()}`, width }
    }
    if (depth > 0 && chance(0.1)) {
      const inner = select(depth - 1)
      const names = Array.from({ length: inner.width }, (_, index) => `w${index}`)
      return {
        sql: `with q(${names.join(', ')}) as (${inner.sql}) select ${names.join(', ')} from q`,
        width: inner.width,
      }
    }
    const { sql, columns } = from(depth)
    const width = 1 + Math.floor(random() * 3)
    const targets = Array.from({ length: width }, () => scalar(columns, depth))
    const grouped = chance(0.1)
    const where = chance(0.5) ? ` where ${condition(columns, depth)}` : ''
    if (grouped) return { sql: `select (${pick(columns)})::text, count(*) from ${sql}${where} group by 1`, width: 2 }
    const order = chance(0.2) ? ` order by ${pick(['1', pick(columns)])}` : ''
    return { sql: `select ${targets.join(', ')} from ${sql}${where}${order}`, width }
  }
  const write = (): string => {
    const columns = ['id', 'label', 'ref']
    return pick([
      () =>
        `insert into plain (id, label) ${((): string => `select 1, (${scalar(['p.email', 'p.name'], 1)})::text from people p`)()} returning ${scalar(columns, 1)}`,
      () => `insert into plain values (12345, 'a', ${scalar(["'b'"], 1)})`,
      () =>
        `update plain set label = (${scalar(columns, 2)})::text where ${condition(columns, 1)} returning ${scalar(columns, 1)}`,
      () => `update plain set ref = (${scalar(['p.email', 'p.team'], 1)})::text from people p where p.id = plain.id`,
      () =>
        `delete from plain using people p where p.id = plain.id and ${condition(['p.email', 'plain.label'], 1)} returning plain.id`,
      () =>
        `with w as (update people set team = 'x' where ${condition(['id', 'email'], 0)} returning id, name) select * from w`,
    ])()
  }
  for (let made = 0; made < count; made++) yield chance(0.8) ? select(2).sql : write()
}

/** A small generator of numbers in [0, 1). */
function mulberry(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
