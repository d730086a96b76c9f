import { describe, expect, it } from 'vitest'
import { SessionMemory } from '../../../../src/protocols/mysql/dialect/session-memory.ts'
import { isMasked } from '../../../../src/sql/lineage/origin.ts'
import { catalogOf, factsOf, mask } from '../../../helpers/mysql-facts.ts'
import { readingContext } from '../../../helpers/read-mysql.ts'

const TABLES = {
  'shop.people': { columns: ['id int', 'name varchar', 'email varchar'], keys: [['id']] },
  'shop.notes': { columns: ['id int', 'text varchar'], keys: [['id']] },
  'shop.watched': { columns: ['id int'], triggers: ['INSERT' as const] },
  'shop.named': { columns: ['id int', 'name varchar'], view: 'select id, name from shop.people' },
}
const catalog = catalogOf(TABLES)
const copying = mask('shop.people.email', { copying: true })

/** What is known of variables once these texts have succeeded, one after the other; one that ends with a `!` has failed. */
function after(texts: readonly string[], of = catalog): SessionMemory {
  let memory = SessionMemory.NEW
  for (const text of texts) {
    const fails = text.endsWith('!')
    const facts = factsOf(fails ? text.slice(0, -1) : text, of, [copying], { memory })
    if (facts.memory !== undefined) memory = fails ? facts.memory.sent : facts.memory.done
  }
  return memory
}

const MASKED = 'set @x = (select email from people where id = 1)'

describe('what user variables hold', () => {
  it.each([
    [[]],
    [['set @x = 5']],
    [['set @x = 5, @y = @x']],
    [['set @x = (select name from people where id = 1)']],
    [['select name into @x from people where id = 1']],
    [['select @x := text from notes']],
    [["load data local infile 'f' into table notes (id, @x) set text = @x"]],
    [[MASKED, 'set @x = 5']],
    [[`${MASKED}; set @x = 5`]],
    [['call f()', 'set @x = 5']],
    [['select @y := email from people']],
    [['insert into notes values (1, 1)', 'create table t (a int)', 'commit']],
  ])('%j leaves @x clean', (texts) => {
    expect(after(texts).isClean('x')).toBe(true)
  })

  it.each([
    [[MASKED]],
    [['set @X = (select email from people where id = 1)']],
    [["set @'x' = (select email from people where id = 1)"]],
    [[MASKED, 'set @x = 5!']],
    [[`set @x = 5; ${MASKED}`]],
    [[MASKED, 'set @x = 5; select nothing!']],
    [['set @x = @y, @y = (select email from people where id = 1)']],
    [[MASKED, 'select 5 into @x']],
    [[MASKED, 'select @x := 5']],
    [[MASKED, 'do @x := 5']],
    [[MASKED, 'set @x = 5, @x = @x']],
    [[MASKED, 'set @y = 1, @x = (@x := 5)']],
    [['select email into @x from people where id = 1']],
    [['select @x := email from people']],
    [['select @x := 1 from people']],
    [['select 1 from people where (@x := id) > 0']],
    [["load data infile 'f' into table notes (id, @x)"]],
    [["load data local infile 'f' into table people (id, @x)"]],
    [['call f()']],
    [['select shop.f()']],
    [['insert into watched values (1)']],
    [['prepare s from @q']],
    [['execute s']],
    [['begin not atomic set @x = 5; end']],
    [['get diagnostics @x = number']],
    [['purge binary logs before (@x := 1)']],
    [['set @`é` = (select email from people where id = 1)']],
    [['set @`\u212a` = (select email from people where id = 1)']],
  ])('%j may leave something else in @x', (texts) => {
    expect(after(texts).isClean('x')).toBe(false)
  })

  it('takes a name beyond ASCII for any other', () => {
    expect(after([MASKED.replace('@x', '@k'), 'set @`\u212a` = 5']).isClean('k')).toBe(false)
    expect(SessionMemory.NEW.isClean('\u212a')).toBe(false)
    expect(SessionMemory.NEW.isClean('x ')).toBe(false)
  })

  it.each([
    ['select @x, @x := email from people', [true, true]],
    ['select @n := @n + 1, name from people', [true, false]],
    ['select @n := @n + 1, text from notes', [false, false]],
    ['select shop.f(), @x', [true, true]],
    [
      'set @a = @b, @b = @c, @c = @d, @d = @e, @e = @f, @f = (select email from people where id = 1); select @a',
      [true],
    ],
  ])('%s: in the same statement', (text, expected) => {
    const { lineage } = factsOf(text, catalog, [copying])
    expect(lineage.at(-1)?.outputs.map(({ origin }) => isMasked(origin))).toEqual(expected)
  })

  it('does not rely on what was declared safe', () => {
    const safe = catalogOf(TABLES, { routines: ['shop.f'], safeRoutines: ['shop.f'] })
    expect(after(['select shop.f()'], safe).isClean('x')).toBe(false)
    expect(after(['select f()'], safe).isClean('x')).toBe(false)
    expect(after(['select name from named'], safe).isClean('x')).toBe(false)
    expect(after(['insert into notes values (1, 1)'], safe).isClean('x')).toBe(false)
    expect(after(['select name from people'], safe).isClean('x')).toBe(true)
  })

  it('tells apart a thousand names, and takes all for the worst beyond', () => {
    let variables = SessionMemory.NEW
    for (let index = 0; index <= 1000; index++) variables = variables.tainted([`x${index}`])
    expect(variables.isClean('y')).toBe(false)
    for (let index = 0; index <= 1000; index++) variables = variables.cleaned(new Map([[`x${index}`, undefined]]))
    expect(variables.isClean('x999')).toBe(true)
    expect(variables.isClean('x1000')).toBe(false)
  })

  it('says nothing of statements that name none, so that they are judged once', () => {
    expect(factsOf('select name from people', catalog, [copying]).memory).toBeUndefined()
    expect(factsOf('select @x', catalog, [copying]).memory).toBeDefined()
    // What they run is another statement another time.
    const memory = after(["set @q = 'select 1'", "prepare s from 'select 1'"])
    for (const text of ['execute immediate @q', 'execute s', 'prepare t from @q', "execute immediate 'select 1'"])
      expect(factsOf(text, catalog, [copying], { memory }).memory, text).toBeDefined()
  })

  it('knows the texts of constants', () => {
    expect(after(["set @q = 'select 1'"]).textOf('q')).toBe('select 1')
    expect(after(["set @q = 'select 1'!"]).textOf('q')).toBeUndefined()
    expect(after(["set @q = 'select 1'", 'select @q := 1 from notes']).textOf('q')).toBeUndefined()
    expect(after(["set @q = 'select 1'", 'set @q = 5']).textOf('q')).toBeUndefined()
    expect(after(["set @q = 'select 1'", 'call f()']).textOf('q')).toBeUndefined()
    expect(after(["set @q = 'a', @r = 'b'", 'set @`é` = 5']).textOf('q')).toBeUndefined()
  })
})

/** What a text does after others have succeeded; one that ends with a `!` has failed. */
function judged(texts: readonly string[], sql: string, masks = [copying]): string {
  const facts = factsOf(sql, catalog, masks, { memory: after(texts) })
  const { kinds, reads, writes, unknown } = facts.statements.at(-1) as (typeof facts.statements)[number]
  if (unknown.length > 0) return 'unknown'
  return [kinds.toSorted().join(), [...reads, ...writes].join(), facts.refusal?.code ?? 'passes'].join(' ')
}

describe('texts that SQL prepares and runs', () => {
  it.each<[readonly string[], string, string]>([
    [["prepare s from 'select name from people'"], 'execute s', 'execute,select shop.people passes'],
    [
      ["prepare S from 'select name from people where id = ?'", 'set @x = 5'],
      'execute s using @X',
      'execute,select shop.people passes',
    ],
    [
      ["set @q = 'delete from notes where id = 1'", 'prepare s from @q'],
      'execute s',
      'delete,execute shop.notes passes',
    ],
    [[], "execute immediate 'select text from notes'", 'execute-immediate,select shop.notes passes'],
    [["set @q = 'select text from notes'"], 'execute immediate @q', 'execute-immediate,select shop.notes passes'],
    [[], "execute immediate 'update notes set text = ?' using 'x'", 'execute-immediate,update shop.notes passes'],
    [[], "prepare s from 'select name from people'", 'prepare  passes'],
    [
      ["prepare s from 'select id from people where email > ?'", "set @x = 'a'"],
      'execute s using @x',
      'execute,select shop.people MASKING_REFUSED',
    ],
    [
      ["prepare s from 'select id, name from people where email = ?'", "set @x = 'a'"],
      'execute s using @x',
      'execute,select shop.people MASKING_REFUSED',
    ],
    [
      ["prepare s from 'alter table people drop column name'"],
      'execute s',
      'alter-table,drop-column,execute shop.people MASKING_REFUSED',
    ],
    [["prepare s from 'select 1; select 2'"], 'execute s', 'unknown'],
    [["prepare s from 'select shop.f()'"], 'execute s', 'unknown'],
    [["prepare s from 'call f()'"], 'execute s', 'unknown'],
    [["prepare s from 'execute t'"], 'execute s', 'unknown'],
    [["prepare s from 'prepare t from \\'select 1\\''"], 'execute t', 'unknown'],
    [["prepare s from 'select \u00e9'"], 'execute s', 'unknown'],
    [["prepare s from _utf16'select 1'"], 'execute s', 'unknown'],
    [["prepare s from 'select ' '1'"], 'execute s', 'unknown'],
    [["prepare s from concat('select 1')"], 'execute s', 'unknown'],
    [["prepare s from 'select 1'", 'deallocate prepare s'], 'execute s', 'unknown'],
    [["prepare s from 'select 1'", "prepare S from 'select nothing'!"], 'execute s', 'unknown'],
    [["prepare s from 'select 1'!"], 'execute s', 'unknown'],
    [["prepare s from 'select 1'", 'call f()'], 'execute s', 'unknown'],
    [["prepare `\u017f` from 'select 1'"], 'execute `\u017f`', 'unknown'],
    [["prepare s from 'select 1'", "prepare `\u017f` from 'select 2'"], 'execute s', 'unknown'],
    [["prepare k from 'select 1'", "prepare `\u212a` from 'select 2'"], 'execute k', 'unknown'],
    [["set @q = _utf16'select 1'"], 'execute immediate @q', 'unknown'],
    [["set @q = 'select 1'", 'select @q := text from notes'], 'execute immediate @q', 'unknown'],
    [["set @q = 'select 1'", "set @Q = concat('select 2')"], 'execute immediate @q', 'unknown'],
    [["prepare s from 'select ?'", MASKED], 'execute s using @x', 'unknown'],
    [["prepare s from 'select ?'"], "execute s using concat('x')", 'unknown'],
    [[], "execute immediate 'explain select 1'", 'unknown'],
    [[], "execute immediate 'set @x = 5'", 'execute-immediate,set-user-variable  passes'],
  ])('%j, then %s: %s', (texts, sql, expected) => {
    expect(judged(texts, sql)).toBe(expected)
  })

  it('shows what is masked as the statement itself would', () => {
    const of = (sql: string): boolean[] =>
      factsOf(sql, catalog, [copying])
        .lineage.at(-1)
        ?.outputs.map(({ origin }) => isMasked(origin)) ?? []
    expect(of("execute immediate 'select id, email from people'")).toEqual([false, true])
    expect(of("prepare s from 'select id, email from people'; execute s")).toEqual([false, true])
    expect(of("execute immediate 'select ?, email from people' using 5")).toEqual([false, true])
  })

  it('follows what a text that is run assigns', () => {
    expect(after(["execute immediate 'set @x = (select email from people where id = 1)'"]).isClean('x')).toBe(false)
    expect(after([MASKED, "execute immediate 'set @x = 5'"]).isClean('x')).toBe(true)
    expect(after([MASKED, "execute immediate 'set @x = 5'!"]).isClean('x')).toBe(false)
  })

  it('gives whatever variables hold to a statement where nothing is masked', () => {
    const memory = SessionMemory.ANYTHING.prepares('s', after(["prepare s from 'select ?'"]).prepared('s'))
    expect(factsOf('execute s using @x', catalog, [], { memory }).statements[0]?.unknown).toEqual([])
    expect(factsOf('execute s using @x', catalog, [copying], { memory }).statements[0]?.unknown).not.toEqual([])
  })

  it('has nothing of texts whose characters may become others', () => {
    const options = { runs: { context: { ...readingContext(), keepsAscii: false }, read: () => undefined } }
    expect(factsOf("execute immediate 'select 1'", catalog, [], options).statements[0]?.unknown).not.toEqual([])
  })
})
