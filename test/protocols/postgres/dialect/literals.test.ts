import { describe, expect, it } from 'vitest'
import { literalsAndComments } from '../../../../src/protocols/postgres/dialect/literals.ts'

/** What is no constant and no comment is written as it is; so nothing of a constant may be outside. */
describe('constants and comments of a text', () => {
  it.each([
    ["select 1, 'a''b', $$c$$, $t$d$$e$t$", ['1', "'a''b'", '$$c$$', '$t$d$$e$t$']],
    ["/* a /* b */ ' */ select 'x'", ["/* a /* b */ ' */", "'x'"]],
    ["/* a /* b /* c */ */ it's */ select 'x'", ["/* a /* b /* c */ */ it's */", "'x'"]],
    ["select 1 /* a /* b */ 'x'", ['1', "/* a /* b */ 'x'"]],
    ["/*/ ' */ select 'x'", ["/*/ ' */", "'x'"]],
    ["-- it's\nselect 'x'", ["-- it's", "'x'"]],
    ["-- it's\rselect 'x'", ["-- it's", "'x'"]],
    ["select E'a\\'b', 'x'", ["E'a\\'b'", "'x'"]],
    ["select E'a'\n'b\\'c', 'x'", ["E'a'\n'b\\'c'", "'x'"]],
    ["select E'a' -- it's\n\n'b\\'c', 'x'", ["E'a' -- it's\n\n'b\\'c'", "'x'"]],
    ["select E'a' 'b\\', 'x'", ["E'a'", "'b\\'", "'x'"]],
    ["select \u00e9e'a\\', 'x'", ["'a\\'", "'x'"]],
    ["select U&'d\\0061', U&\"it's\", 'x'", ["'d\\0061'", "'x'"]],
    ["select U&'a!'' b' uescape '!', 'x'", ["'a!'' b'", "'!'", "'x'"]],
    ['select "it\'s", "a""\'b", \'x\'', ["'x'"]],
    ["select B'01', X'1F', N'x', 'y", ["'01'", "'1F'", "'x'", "'y"]],
    ['select 1 as x$a$; drop table t; select $a$z$a$x$b$', ['1', '$a$z$a$']],
    ['select a1, $1, t.b2, -1.5e3, .5', ['1.5e3', '.5']],
  ])('%s', (sql, pieces) => {
    expect(literalsAndComments(sql).map(({ 0: piece }) => piece)).toEqual(pieces)
  })

  it('are found in time that grows with the text', () => {
    for (const piece of ['/*', "E'a'\n", "''", '"', '--\n', '$a$', '1.', 'a', 'a$'])
      expect(literalsAndComments(piece.repeat(20_000)).length).toBeLessThan(40_001)
  })
})
