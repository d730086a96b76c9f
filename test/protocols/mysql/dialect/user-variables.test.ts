import { describe, expect, it } from 'vitest'
import { UserVariables } from '../../../../src/protocols/mysql/dialect/user-variables.ts'
import { isMasked } from '../../../../src/sql/lineage/origin.ts'
import { catalogOf, factsOf, mask } from '../../../helpers/mysql-facts.ts'

const TABLES = {
  'shop.people': { columns: ['id int', 'name varchar', 'email varchar'], keys: [['id']] },
  'shop.notes': { columns: ['id int', 'text varchar'], keys: [['id']] },
  'shop.watched': { columns: ['id int'], triggers: ['INSERT' as const] },
  'shop.named': { columns: ['id int', 'name varchar'], view: 'select id, name from shop.people' },
}
const catalog = catalogOf(TABLES)
const copying = mask('shop.people.email', { copying: true })

/** What is known of variables once these texts have succeeded, one after the other; one that ends with a `!` has failed. */
function after(texts: readonly string[], of = catalog): UserVariables {
  let variables = UserVariables.NEW
  for (const text of texts) {
    const fails = text.endsWith('!')
    const facts = factsOf(fails ? text.slice(0, -1) : text, of, [copying], { variables })
    if (facts.variables !== undefined) variables = fails ? facts.variables.sent : facts.variables.done
  }
  return variables
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
    expect(UserVariables.NEW.isClean('\u212a')).toBe(false)
    expect(UserVariables.NEW.isClean('x ')).toBe(false)
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
    let variables = UserVariables.NEW
    for (let index = 0; index <= 1000; index++) variables = variables.tainted([`x${index}`])
    expect(variables.isClean('y')).toBe(false)
    for (let index = 0; index <= 1000; index++) variables = variables.cleaned(new Map([[`x${index}`, undefined]]))
    expect(variables.isClean('x999')).toBe(true)
    expect(variables.isClean('x1000')).toBe(false)
  })

  it('says nothing of statements that name none, so that they are judged once', () => {
    expect(factsOf('select name from people', catalog, [copying]).variables).toBeUndefined()
    expect(factsOf('select @x', catalog, [copying]).variables).toBeDefined()
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
